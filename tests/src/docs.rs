//! The Rust that the guide shows, page by page, as tests.

macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {$(
        #[doc = include_str!(concat!("../../docs/src/", $file))]
        mod $name {}
    )*};
}
pages! {
    asyncio: "asyncio.md",
    comparison: "comparison.md",
    containers: "containers.md",
    evolution: "evolution.md",
    faq: "faq.md",
    how: "how.md",
    lifetime: "lifetime.md",
    limits: "limits.md",
    locks: "locks.md",
    machines: "machines.md",
    migration: "migration.md",
    notification: "notification.md",
    real_time: "real-time.md",
    recording: "recording.md",
    recovery: "recovery.md",
    services: "services.md",
    start: "start.md",
    streams: "streams.md",
    transactions: "transactions.md",
    tutorial: "tutorial.md",
    users: "users.md",
    viewer: "viewer.md",
    views: "views.md",
}
