//! Responses as one JSON body.

use proptest::prelude::*;

use super::*;

fn body(reading: &Reading) -> Option<String> {
    reading.take_whole().map(|runs| String::from_utf8(runs.concat()).unwrap())
}

#[test]
fn one_response_is_an_object_and_notifications_have_no_place() {
    let (stream, reading) = Stream::new(Encoding::Json, 1).attached();
    write(&stream, "{\"note\":1}", false);
    assert_eq!(body(&reading), None);
    write(&stream, "{\"id\":1}", true);
    write(&stream, "{\"late\":1}", true);
    assert_eq!(body(&reading).as_deref(), Some("{\"id\":1}"));
}

#[test]
fn a_cancelled_request_leaves_the_others() {
    let (stream, reading) = Stream::new(Encoding::Json, 3).attached();
    write(&stream, "1", true);
    stream.forget();
    write(&stream, "2", true);
    assert_eq!(body(&reading).as_deref(), Some("[1,2]"));
}

#[test]
fn when_all_are_cancelled_the_body_is_empty() {
    let (stream, reading) = Stream::new(Encoding::Json, 2).attached();
    stream.forget();
    assert!(stream.poll_ended(&mut Context::from_waker(Waker::noop())).is_pending());
    stream.forget();
    assert!(stream.poll_ended(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(body(&reading).as_deref(), Some(""));
}

proptest! {
    #[test]
    fn responses_are_regrouped_in_the_order_of_their_arrival(
        numbers in prop::collection::vec(any::<u32>(), 2..20),
        notes in any::<Vec<prop::sample::Index>>(),
    ) {
        let (stream, reading) = Stream::new(Encoding::Json, numbers.len()).attached();
        let notes: Vec<_> = notes.iter().map(|at| at.index(numbers.len())).collect();
        for (at, number) in numbers.iter().enumerate() {
            for _ in notes.iter().filter(|note| **note == at) {
                write(&stream, "{\"note\":1}", false);
            }
            prop_assert_eq!(body(&reading), None);
            write(&stream, number.to_string(), true);
        }
        let read: Vec<u32> = serde_json::from_str(&body(&reading).unwrap()).unwrap();
        prop_assert_eq!(read, numbers);
    }
}
