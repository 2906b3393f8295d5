//! One request in place of serving.

use crate::args::kinds::{Call, Switch, Text};

flags! { Calling:
    CALL: Call = "call" {
        kind: Call,
        short: "Call a tool of the server and exit",
        help: "Call this tool of the server with the key=value words that follow, print the result and \
               exit; key:=json takes the value as it is",
    }
    LIST: Switch = "list" {
        kind: Switch { default: false },
        short: "List what the server has and exit",
        help: "List the tools, prompts and resources of the server and exit",
    }
    READ: Text = "read" {
        kind: Text { placeholder: "uri" },
        short: "Read a resource of the server and exit",
        help: "Read this resource of the server, print it and exit",
    }
    DOCTOR: Switch = "doctor" {
        kind: Switch { default: false },
        short: "Examine the server and exit",
        help: "Examine the server stage by stage, print what is wrong with it and what to do, and exit",
    }
    JSON: Switch = "json" {
        kind: Switch { default: false },
        short: "Print the answer as JSON",
        help: "Print the answer to --call, --list and --read, or the report of --doctor, as one JSON document",
    }
}
