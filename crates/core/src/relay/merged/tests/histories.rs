//! Any order of lists, calls, changes, silences, deaths and reloads: no client sees a tool twice,
//! no call reaches another server than its name says, every call is answered once, and in the end
//! every client sees everything.

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
    /// Reads the next page of the list, if there is one.
    ListOn,
    ModernList,
    Call(usize, usize),
    ModernCall(usize, usize),
    /// Sends a call; its answer is checked at the end.
    Send(usize, usize),
    Offer(usize, usize),
    Hang(usize),
    Wake(usize),
    Die(usize),
    Refuse(usize, bool),
    /// It is replaced by another server.
    Renew(usize),
    /// Serves these from now on.
    Keep(u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let server = || 0..SERVERS.len();
    let tool = || (server(), 0..20_usize);
    // Some have more entries than fit on one page of the merged list.
    let offered = prop_oneof![9 => 0..20_usize, 1 => Just(1_300)];
    prop_oneof![
        Just(Step::List),
        Just(Step::ListOn),
        Just(Step::ModernList),
        tool().prop_map(|(server, tool)| Step::Call(server, tool)),
        tool().prop_map(|(server, tool)| Step::ModernCall(server, tool)),
        tool().prop_map(|(server, tool)| Step::Send(server, tool)),
        (server(), offered).prop_map(|(server, tools)| Step::Offer(server, tools)),
        server().prop_map(Step::Hang),
        server().prop_map(Step::Wake),
        server().prop_map(Step::Die),
        (server(), any::<bool>()).prop_map(|(server, refuses)| Step::Refuse(server, refuses)),
        server().prop_map(Step::Renew),
        (0..8_u8).prop_map(Step::Keep),
        (0..40_u64).prop_map(Step::Wait),
    ]
}

/// The state of a run.
struct Play {
    endpoint: Endpoint,
    client: Client,
    /// A bit for each server that is served.
    served: u8,
    /// The tools of the list so far, and the cursor of what follows.
    listed: BTreeSet<String>,
    cursor: Option<Value>,
    /// Calls whose answers were not looked at: their ids, servers and tools.
    sent: Vec<(Value, usize, usize)>,
}

impl Play {
    async fn new() -> Self {
        let endpoint = Endpoint::new(SERVERS.map(|server| Scripted::new(server, 9)));
        let mut client = endpoint.client().await;
        client.initialize().await;
        let (listed, cursor, sent) = (BTreeSet::new(), None, Vec::new());
        Self { endpoint, client, served: 7, listed, cursor, sent }
    }

    fn server(&self, place: usize) -> &Scripted {
        self.endpoint.server(SERVERS[place])
    }

    /// A page repeats nothing, and contains nothing of a server that is not served.
    fn check(&mut self, page: &Value) -> Result<(), TestCaseError> {
        for name in names(page, "tools") {
            let place = SERVERS.iter().position(|server| name.starts_with(server)).unwrap();
            prop_assert!(self.served >> place & 1 == 1, "{name} is of nobody");
            prop_assert!(self.listed.insert(name.clone()), "{name} is listed twice");
        }
        Ok(())
    }

    async fn list(&mut self, cursor: Option<Value>) -> Result<(), TestCaseError> {
        let params = cursor.map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
        let page = self.client.ask("tools/list", params).await;
        self.cursor = page.get("nextCursor").cloned();
        self.check(&page)
    }

    async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::List => {
                self.listed.clear();
                self.list(None).await?;
            }
            Step::ListOn => {
                if let Some(cursor) = self.cursor.take() {
                    self.list(Some(cursor)).await?;
                }
            }
            Step::ModernList => {
                self.listed.clear();
                self.cursor = None;
                let page = self.endpoint.result("tools/list", json!({})).await;
                self.check(&page)?;
            }
            Step::Call(place, tool) => {
                // Hanging servers are waited for; other tests check that.
                self.server(place).wake();
                let id = self.client.sends("tools/call", call(&merged(place, tool)));
                let answer = self.client.answer(&id).await;
                is_of(&answer["result"], &answer["error"], place, tool)?;
            }
            Step::ModernCall(place, tool) => {
                self.server(place).wake();
                let name = merged(place, tool);
                let outcome = self.endpoint.result("tools/call", call(&name)).await;
                is_of(&outcome, &outcome, place, tool)?;
            }
            Step::Send(place, tool) => {
                let id = self.client.sends("tools/call", call(&merged(place, tool)));
                self.sent.push((id, place, tool));
            }
            other => self.change(other).await,
        }
        Ok(())
    }

    async fn change(&mut self, step: Step) {
        match step {
            Step::Offer(place, tools) => self.server(place).offer(tools),
            Step::Hang(place) => self.server(place).hang(),
            Step::Wake(place) => self.server(place).wake(),
            Step::Die(place) => self.server(place).die(),
            Step::Refuse(place, refuses) => self.server(place).refuse(refuses),
            Step::Renew(place) => self.endpoint.renew(SERVERS[place]),
            Step::Keep(kept) => {
                self.served = kept;
                let places = (0..SERVERS.len()).filter(|place| kept >> place & 1 == 1);
                self.endpoint.keep(&places.map(|place| SERVERS[place]).collect::<Vec<_>>());
            }
            Step::Wait(seconds) => sleep(Duration::from_secs(seconds)).await,
            _ => {}
        }
    }

    /// In the end every server is there, and everything was answered.
    async fn end(mut self) -> Result<(), TestCaseError> {
        for place in 0..SERVERS.len() {
            self.server(place).refuse(false);
            self.server(place).wake();
        }
        self.endpoint.keep(&SERVERS);
        // Longer than any pause before missing servers are tried again.
        sleep(Duration::from_mins(3)).await;
        for (id, place, tool) in std::mem::take(&mut self.sent) {
            let answer = self.client.answer(&id).await;
            is_of(&answer["result"], &answer["error"], place, tool)?;
        }
        let expected: Vec<String> =
            (0..SERVERS.len()).flat_map(|place| self.server(place).offered()).collect();
        let (mut all, mut params) = (Vec::new(), json!({}));
        loop {
            let page = self.client.ask("tools/list", params).await;
            prop_assert!(page.get("_meta").is_none());
            all.extend(names(&page, "tools"));
            let Some(cursor) = page.get("nextCursor") else { break };
            params = json!({ "cursor": cursor });
        }
        prop_assert_eq!(&all, &expected);
        let first = self.endpoint.result("tools/list", json!({})).await;
        let first = names(&first, "tools");
        prop_assert_eq!(&first[..], &expected[..first.len()]);
        self.client.leave();
        sleep(Duration::from_secs(1)).await;
        for place in 0..SERVERS.len() {
            prop_assert_eq!(self.server(place).open_connections(), 0);
        }
        Ok(())
    }
}

fn merged(place: usize, tool: usize) -> String {
    format!("{}__tool{tool}", SERVERS[place])
}

/// The answer came from the server in the name, or is an error that says why not.
fn is_of(result: &Value, error: &Value, place: usize, tool: usize) -> Result<(), TestCaseError> {
    let by = &result["by"];
    let found = *by == json!([SERVERS[place], format!("tool{tool}")]);
    let failed = error["code"] == -32602 || error["code"] == -32603;
    prop_assert!(found || failed, "{} {tool}: {result} {error}", SERVERS[place]);
    Ok(())
}

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut play = Play::new().await;
    for step in steps {
        play.take(step).await?;
    }
    play.end().await
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
