//! Parses the URL of a store: one server, sentinels that know the server, or nodes of a cluster.

use redis::{ConnectionInfo, IntoConnectionInfo as _};

/// Allowed schemes of a URL.
const SCHEMES: &str = "its URL must be redis://, rediss://, redis+unix://, redis+sentinel:// or \
                       redis+cluster://, with a host and without unknown parts";
const NO_SERVICE: &str = "its URL does not name the primary that the sentinels know: \
                          redis+sentinel://HOST:PORT,…/NAME";

/// See the module.
pub(super) enum Address {
    One(Box<ConnectionInfo>),
    /// Sentinels, and their name for the primary. User, password and database are those of the
    /// primary.
    Sentinels {
        nodes: Vec<ConnectionInfo>,
        service: String,
    },
    Cluster(Vec<ConnectionInfo>),
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        let Some((scheme, rest)) = url.split_once("://") else { return Err(SCHEMES) };
        let (server, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        match kind {
            "sentinel" => {
                let (hosts, path) = rest.split_once('/').ok_or(NO_SERVICE)?;
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    return Err(NO_SERVICE);
                }
                let nodes = nodes(server, hosts, 26379, database)?;
                Ok(Self::Sentinels { nodes, service: service.to_owned() })
            }
            "cluster" => {
                let hosts = rest.strip_suffix('/').unwrap_or(rest);
                Ok(Self::Cluster(nodes(server, hosts, 6379, "")?))
            }
            _ => Ok(Self::One(Box::new(url.into_connection_info().map_err(|_| SCHEMES)?))),
        }
    }
}

/// `user:password@host:port,host:port` as one address for each host.
fn nodes(
    scheme: &str,
    hosts: &str,
    port: u16,
    database: &str,
) -> Result<Vec<ConnectionInfo>, &'static str> {
    let (user, hosts) = hosts.rsplit_once('@').map_or(("", hosts), |(user, rest)| (user, rest));
    let at = if user.is_empty() { "" } else { "@" };
    let node = |host: &str| {
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if has_port { String::new() } else { format!(":{port}") };
        let url = format!("{scheme}://{user}{at}{host}{port}/{database}");
        url.into_connection_info().map_err(|_| SCHEMES)
    };
    let hosts = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
    let nodes: Vec<_> = hosts.map(node).collect::<Result<_, _>>()?;
    if nodes.is_empty() { Err(SCHEMES) } else { Ok(nodes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(nodes: &[ConnectionInfo]) -> Vec<String> {
        nodes.iter().map(|node| node.addr().to_string()).collect()
    }

    #[test]
    fn a_url_names_one_server_sentinels_or_a_cluster() {
        let Ok(Address::One(one)) = Address::parse("redis://10.0.0.5:7000/2") else {
            panic!("one server")
        };
        assert_eq!(
            (one.addr().to_string().as_str(), one.redis_settings().db()),
            ("10.0.0.5:7000", 2)
        );
        let url = "redis+sentinel://me:a%40b@s1,s2:7000/primary/3";
        let Ok(Address::Sentinels { nodes, service }) = Address::parse(url) else {
            panic!("sentinels")
        };
        assert_eq!(
            (service.as_str(), shown(&nodes)),
            ("primary", vec!["s1:26379".to_owned(), "s2:7000".to_owned()])
        );
        let settings = nodes[0].redis_settings();
        assert_eq!(settings.password(), Some("a@b"));
        assert_eq!((settings.username(), settings.db()), (Some("me"), 3));
        let Ok(Address::Cluster(nodes)) = Address::parse("rediss+cluster://n1,n2:7001") else {
            panic!("a cluster")
        };
        assert_eq!(shown(&nodes), ["n1:6379", "n2:7001"]);
    }

    #[test]
    fn what_says_too_little_is_refused_in_words() {
        let refused = |url| Address::parse(url).err().expect("a refusal");
        assert!(refused("redis+sentinel://s1:26379").contains("NAME"));
        assert!(refused("redis+sentinel://s1:26379/").contains("NAME"));
        assert!(refused("redis+cluster://").contains("redis+cluster://"));
        assert!(refused("http://s1").contains("redis://"));
        assert!(refused("s1:6379").contains("redis://"));
    }
}
