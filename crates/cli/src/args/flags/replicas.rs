//! Several replicas of the proxy.

use mcp_proxy_core::config::{DEFAULT_PEER_PORT, Durability};

use crate::args::kinds::{Choice, List, Number, PathName, Secret, Text};

flags! { Replicas:
    PEERS: List = "peers" {
        kind: List { placeholder: "host:port,..." },
        short: "Peer ports of the other replicas",
        help: "Peer ports of the other replicas, so that any of them serves any session; a name \
               stands for all its addresses, this replica's own included; repeatable; requires \
               --peerSecret or --peerSecretFile",
    }
    PEER_PORT: Number = "peerPort" {
        kind: Number::count(DEFAULT_PEER_PORT as usize).at_most(65_535),
        short: "Port for the other replicas",
        help: "Port for requests from the other replicas; with 0 the system chooses one. Without \
               --peers, this replica waits until others connect to it",
    }
    PEER_HOST: Text = "peerHost" {
        kind: Text { placeholder: "host" },
        short: "Address of the peer port",
        help: "Host name or address to listen on for the other replicas, if it is not that of --host",
    }
    PEER_ADDRESS: Text = "peerAddress" {
        kind: Text { placeholder: "host:port" },
        short: "Where the others reach this replica",
        help: "Where the other replicas reach this one, if it differs from the address of its \
               connections to them",
    }
    PEER_SECRET: Secret = "peerSecret" {
        kind: Secret {
            placeholder: "secret",
            advice: "All replicas need the same one, of at least 16 bytes.",
        },
        short: "Secret that all replicas share",
        help: "Secret that all replicas share, of at least 16 bytes; it is never sent. \
               MCP_PROXY_PEER_SECRET keeps it out of the process list",
    }
    PEER_SECRET_FILE: PathName = "peerSecretFile" {
        kind: PathName::File,
        short: "Read the peer secret from a file",
        help: "Read the peer secret from this file, one on each line: the first one signs, all of \
               them verify; --peerSecret overrides it",
    }

    STORE: Secret = "store" {
        kind: Secret {
            placeholder: "url",
            advice: "Leave it out to keep sessions in this process only.",
        },
        short: "Keep sessions in Redis or Valkey",
        help: "Keep sessions in this Redis (6.2 or later) or Valkey (7 or later), so that another \
               replica continues them if theirs is lost: redis://, rediss://, redis+unix://, \
               redis+sentinel:// or redis+cluster://; MCP_PROXY_STORE keeps a password out of the \
               process list",
    }
    STORE_FILE: PathName = "storeFile" {
        kind: PathName::File,
        short: "Read the URL of the store from a file",
        help: "Read the URL of the store from this file; --store overrides it",
    }
    STORE_PREFIX: Text = "storePrefix" {
        kind: Text { placeholder: "text" },
        short: "Prefix of the keys in the store",
        help: "Prefix of the names of all keys in the store [default: mcp-proxy]",
    }
    STORE_CA: PathName = "storeCa" {
        kind: PathName::File,
        short: "Trust these authorities for the store",
        help: "Trust the certificate authorities in this file (PEM) for the store, in place of those \
               of the system",
    }
    STORE_DURABILITY: Choice<Durability> = "storeDurability" {
        kind: Choice {
            placeholder: "when",
            choices: &[("async", Durability::Async), ("sync", Durability::Sync)],
            default: ("async", Durability::Async),
        },
        short: "Whether calls wait for the store",
        help: "async: nothing waits for the store. sync: a call is sent to its server, and a \
               session to its client, only after the store has it (they wait 2 seconds at most, \
               and not while the store is unreachable)",
    }
}
