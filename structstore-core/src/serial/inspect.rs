//! What is found by looking into a store, as structs, for reports of tools.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::error::Path;
use crate::inspect::{FreeMemory, Lifetime, LockHolder, LockMode, Participant, Statistics, Usage};

macro_rules! texts {
    ($($type:ident),*) => {$(
        /// As its text.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
texts!(Path, Lifetime, LockMode);

macro_rules! structs {
    ($($type:ident { $($field:ident),* })*) => {$(
        /// As a struct of all fields.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Fails to compile for a field that is missing here.
                let $type { $($field),* } = self;
                let mut fields = serializer.serialize_struct(stringify!($type), [$(stringify!($field)),*].len())?;
                $(fields.serialize_field(stringify!($field), $field)?;)*
                fields.end()
            }
        }
    )*};
}
structs! {
    Participant { pid, program, alive, threads, observes, leases, library, namespace }
    LockHolder { path, mode, granted, awaited, waiting, pid, thread }
    Usage { bytes, blocks, nodes }
    FreeMemory { bytes, blocks, largest }
    Statistics { size, max_size, allocated, blocks, nodes, recoveries, watchers, orphaned }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;
    use crate::store::StructStore;

    #[test]
    fn what_is_found_is_written_with_the_names_of_its_fields() {
        let participant = Participant {
            pid: 12,
            program: Some("control".to_owned()),
            alive: true,
            threads: 2,
            observes: false,
            leases: 3,
            library: None,
            namespace: 4_026_531_836,
        };
        let told = json!({
            "pid": 12, "program": "control", "alive": true, "threads": 2, "observes": false, "leases": 3, "library": null,
            "namespace": 4_026_531_836_u64,
        });
        assert_eq!(to_value(participant).unwrap(), told);
        let lock = LockHolder {
            path: r#"arm."x.y"[0]"#.parse().unwrap(),
            mode: LockMode::Node,
            granted: true,
            awaited: false,
            waiting: false,
            pid: 12,
            thread: 13,
        };
        let told = json!({
            "path": r#"arm."x.y"[0]"#, "mode": "exclusive, of its own fields", "granted": true, "awaited": false,
            "waiting": false, "pid": 12, "thread": 13,
        });
        assert_eq!(to_value(lock).unwrap(), told);
        assert_eq!(to_value(Lifetime::Transient).unwrap(), "transient");
        let store = StructStore::new();
        assert_eq!(to_value(Usage::default()).unwrap(), json!({ "bytes": 0, "blocks": 0, "nodes": 0 }));
        assert_eq!(to_value(store.statistics()).unwrap()["size"], store.statistics().size);
    }
}
