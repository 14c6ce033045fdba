//! A question to the owner of a part.

use zenoh::bytes::ZBytes;
use zenoh::query::Reply;
use zenoh::{Session, Wait};

use crate::protocol::ANSWER;

/// Asks, and passes on one answer, or that there was none.
pub(crate) fn ask(
    session: &Session,
    selector: &str,
    payload: Option<Vec<u8>>,
    pass: impl Fn(Option<ZBytes>) + Send + std::marker::Sync + 'static,
) {
    struct Once<F: Fn(Option<ZBytes>)>(F, std::sync::atomic::AtomicBool);

    impl<F: Fn(Option<ZBytes>)> Once<F> {
        fn pass(&self, answer: Option<ZBytes>) {
            if !self.1.swap(true, std::sync::atomic::Ordering::SeqCst) {
                (self.0)(answer);
            }
        }
    }

    impl<F: Fn(Option<ZBytes>)> Drop for Once<F> {
        fn drop(&mut self) {
            self.pass(None);
        }
    }

    let once = Once(pass, std::sync::atomic::AtomicBool::new(false));
    let each = move |reply: Reply| {
        if let Ok(sample) = reply.result() {
            once.pass(Some(sample.payload().clone()));
        }
    };
    let question = session.get(selector).timeout(ANSWER).callback(each);
    // If it cannot be asked, the callback is dropped, which says that there is no answer.
    let _ = match payload {
        Some(payload) => question.payload(payload).wait(),
        None => question.wait(),
    };
}
