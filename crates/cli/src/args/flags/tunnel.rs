//! The public tunnel.

use crate::args::kinds::{Switch, Text};

flags! { Tunnel:
    TUNNEL: Switch = "tunnel" {
        kind: Switch { default: false },
        short: "Give the proxy a public URL",
        help: "Give the proxy a public URL through the tunnel server",
    }
    TUNNEL_HOST: Text = "tunnelHost" {
        kind: Text { placeholder: "url" },
        short: "Tunnel server to use",
        help: "Tunnel server to use, for example a pipenet server of your own [default: \
               https://tunnel.gla.ma]",
    }
    TUNNEL_SUBDOMAIN: Text = "tunnelSubdomain" {
        kind: Text { placeholder: "name" },
        short: "Subdomain to ask for",
        help: "Subdomain to ask for; if it is taken, the tunnel server assigns another",
    }
}
