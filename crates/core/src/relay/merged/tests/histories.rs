//! Any order of lists, calls, changes, silences, deaths and reloads: nobody sees a tool twice, no call
//! reaches another server than its name says, and in the end everybody sees everything.

use std::{collections::BTreeSet, time::Duration};

use proptest::{
    prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest},
    test_runner::{Config, TestCaseError},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::scripted::{Client, Endpoint, Server as Scripted, call, names};

const SERVERS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    List,
    ModernList,
    Call(usize, usize),
    Offer(usize, usize),
    Hang(usize),
    Wake(usize),
    Refuse(usize, bool),
    /// Serves these from now on.
    Keep(u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let server = 0..SERVERS.len();
    prop_oneof![
        Just(Step::List),
        Just(Step::ModernList),
        (server.clone(), 0..20_usize).prop_map(|(server, tool)| Step::Call(server, tool)),
        (server.clone(), 0..20_usize).prop_map(|(server, tools)| Step::Offer(server, tools)),
        server.clone().prop_map(Step::Hang),
        server.clone().prop_map(Step::Wake),
        (server, any::<bool>()).prop_map(|(server, refuses)| Step::Refuse(server, refuses)),
        (0..8_u8).prop_map(Step::Keep),
        (0..40_u64).prop_map(Step::Wait),
    ]
}

/// A list holds nothing twice, and nothing of a server that is not served.
fn check(result: &Value, served: u8) -> Result<(), TestCaseError> {
    let listed = names(result, "tools");
    prop_assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
    for name in &listed {
        let place = SERVERS.iter().position(|server| name.starts_with(server)).unwrap();
        prop_assert!(served >> place & 1 == 1, "{name} is of nobody");
    }
    Ok(())
}

async fn take(
    step: Step,
    endpoint: &Endpoint,
    client: &mut Client,
    served: &mut u8,
) -> Result<(), TestCaseError> {
    let played = |place: usize| endpoint.server(SERVERS[place]);
    match step {
        Step::List => check(&client.ask("tools/list", json!({})).await, *served)?,
        Step::ModernList => check(&endpoint.result("tools/list", json!({})).await, *served)?,
        Step::Call(place, tool) => {
            // What hangs is waited for; it is seen elsewhere that it is.
            played(place).wake();
            let name = format!("{}__tool{tool}", SERVERS[place]);
            let id = client.sends("tools/call", call(&name));
            let answer = client.answer(&id).await;
            let by = &answer["result"]["by"];
            let found = *by == json!([SERVERS[place], format!("tool{tool}")]);
            prop_assert!(found || answer["error"]["code"] == -32602, "{name}: {answer}");
        }
        Step::Offer(place, tools) => played(place).offer(tools),
        Step::Hang(place) => played(place).hang(),
        Step::Wake(place) => played(place).wake(),
        Step::Refuse(place, refuses) => played(place).refuse(refuses),
        Step::Keep(kept) => {
            *served = kept;
            let places = (0..SERVERS.len()).filter(|place| kept >> place & 1 == 1);
            endpoint.keep(&places.map(|place| SERVERS[place]).collect::<Vec<_>>());
        }
        Step::Wait(seconds) => sleep(Duration::from_secs(seconds)).await,
    }
    Ok(())
}

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let endpoint = Endpoint::new(SERVERS.map(|server| Scripted::new(server, 9)));
    let mut client = endpoint.client().await;
    client.initialize().await;
    let mut served = 7;
    for step in steps {
        take(step, &endpoint, &mut client, &mut served).await?;
    }
    for server in SERVERS {
        endpoint.server(server).refuse(false);
        endpoint.server(server).wake();
    }
    endpoint.keep(&SERVERS);
    // Longer than anybody waits before it is looked again for who was missed.
    sleep(Duration::from_mins(3)).await;
    let expected: Vec<String> =
        SERVERS.iter().flat_map(|server| endpoint.server(server).offered()).collect();
    let listed = client.ask("tools/list", json!({})).await;
    prop_assert_eq!(names(&listed, "tools"), expected.clone());
    prop_assert!(listed.get("_meta").is_none());
    let listed = endpoint.result("tools/list", json!({})).await;
    prop_assert_eq!(names(&listed, "tools"), expected);
    client.leave();
    sleep(Duration::from_secs(1)).await;
    for server in SERVERS {
        prop_assert_eq!(endpoint.server(server).open_connections(), 0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config::with_cases(64))]

    #[test]
    fn each_tool_is_seen_once_and_each_call_finds_its_server(
        steps in prop::collection::vec(step(), 0..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(steps))?;
    }
}
