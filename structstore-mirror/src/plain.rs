//! Publishes fields as JSON for programs that do not use StructStore: a key for each field. Without guarantees.

use structstore::Value;
use structstore::binding_support::to_document;
use structstore::path::{Path, Step};
use zenoh::qos::CongestionControl;
use zenoh::{Session, Wait};

use crate::key::chunk;

pub(crate) struct Plain {
    session: Session,
    name: String,
}

impl Plain {
    pub(crate) fn new(session: &Session, name: &str) -> Plain {
        Plain { session: session.clone(), name: chunk(name.trim_start_matches('/')) }
    }

    pub(crate) fn publish(&self, set: &[(Path, Value<'static>)]) {
        set.iter().for_each(|(path, value)| self.each(path, value));
    }

    fn each(&self, path: &Path, value: &Value<'_>) {
        match value {
            Value::Struct(fields) => {
                fields.iter().for_each(|(name, value)| self.each(&path.then(&**name), value))
            }
            Value::Stream(_) => {}
            value => {
                let Ok(text) = to_document(value, true)
                    .map_err(drop)
                    .and_then(|document| serde_json::to_string(&document).map_err(drop))
                else {
                    return;
                };
                let put = self.session.put(self.key(path), text);
                let _ = put.congestion_control(CongestionControl::Drop).wait();
            }
        }
    }

    fn key(&self, path: &Path) -> String {
        let steps = path.steps().iter().map(|step| match step {
            Step::Name(name) => chunk(name),
            Step::Index(index) => index.to_string(),
        });
        std::iter::once(self.name.clone()).chain(steps).collect::<Vec<String>>().join("/")
    }
}
