use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::super::lines::Lines;

const NOTE: &str = r#"{"jsonrpc":"2.0","method":"note"}"#;

/// The messages in some output that is read this many bytes at a time.
fn messages(output: &[u8], chunk: usize) -> Vec<String> {
    let (mut server, proxy) = tokio::io::duplex(chunk);
    let mut lines = Lines::new(proxy, 1 << 20);
    let reading = async {
        let mut messages = Vec::new();
        while let Some(message) = lines.next().await.unwrap() {
            messages.push(String::from_utf8(message.bytes().to_vec()).unwrap());
        }
        messages
    };
    let writing = async move {
        server.write_all(output).await.unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(futures_util::future::join(reading, writing)).0
}

#[test]
fn the_last_line_needs_no_newline() {
    assert_eq!(messages(NOTE.as_bytes(), 7), [NOTE]);
    assert_eq!(messages(format!("{NOTE}\n{NOTE}").as_bytes(), 7), [NOTE; 2]);
}

#[test]
fn a_batch_on_the_last_line_is_read_to_its_end() {
    let batch = format!("[{NOTE},{NOTE},{NOTE}]");
    assert_eq!(messages(format!("{batch}\n").as_bytes(), 64), [NOTE; 3]);
    assert_eq!(messages(batch.as_bytes(), 64), [NOTE; 3]);
}

#[test]
fn other_output_is_no_message() {
    let output =
        format!("ready\n\n[info] {NOTE}\r\n{{\"no\":1}}\n{NOTE}trailing\n\u{1}\n {NOTE} \n");
    assert_eq!(messages(output.as_bytes(), 64), [NOTE; 3]);
}

#[test]
fn invalid_utf8_inside_a_message_is_replaced() {
    let output = [br#"{"jsonrpc":"2.0","method":"a"#, &b"\xff"[..], b"\"}\n"].concat();
    assert_eq!(messages(&output, 64), ["{\"jsonrpc\":\"2.0\",\"method\":\"a\u{fffd}\"}"]);
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_messages(
        numbers in prop::collection::vec((any::<u32>(), 1usize..4, any::<bool>()), 0..10),
        chunk in 1usize..100,
    ) {
        let (mut output, mut expected) = (String::new(), Vec::new());
        for (number, batch, noisy) in numbers {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{number},"result":"\u00e9é"}}"#);
            expected.extend(std::iter::repeat_n(text.clone(), batch));
            if noisy {
                output += "noise\n";
            }
            let batched = vec![text; batch].join(", ");
            output += &if batch == 1 { batched + "\n" } else { ["[", &batched, "]\n"].concat() };
        }
        prop_assert_eq!(&messages(output.as_bytes(), chunk), &expected);
        prop_assert_eq!(&messages(output.trim_end().as_bytes(), chunk), &expected);
    }
}

#[tokio::test]
async fn others_have_their_turn_while_a_burst_is_read() {
    let line = format!("{NOTE}\n");
    let count = (1 << 20) / line.len();
    let burst = line.repeat(count);
    let turns = Arc::new(AtomicUsize::new(0));
    let other = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    let mut lines = Lines::new(burst.as_bytes(), usize::MAX);
    for _ in 0..count {
        assert!(lines.next().await.unwrap().is_some());
    }
    assert!(lines.next().await.unwrap().is_none());
    let turns = turns.load(Ordering::Relaxed);
    assert!((8..64).contains(&turns), "{turns}");
    other.abort();
}
