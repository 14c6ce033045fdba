//! Streams, beside iceoryx2's publish-subscribe.

use std::hint::black_box;

use iceoryx2::prelude::*;
use structstore::StructStoreShared;
use structstore::stream::{Start, Stream, now};

use crate::contest::Contest;
use crate::peer::unique;
use crate::report::Report;

type Small = [u64; 8];
const FRAME: usize = 640 * 480 * 3;

pub fn all(report: &mut Report) {
    let store = StructStoreShared::open(unique("streams")).unwrap();
    let stream = store.ensure_stream::<Small>("small", Stream::depth(1000)).unwrap();
    let mut follow = stream.follow(Start::Newest);
    let node = NodeBuilder::new().create::<ipc::Service>().unwrap();
    let service = |name: &str| node.service_builder(&name.try_into().unwrap()).publish_subscribe::<Small>();
    let alone = service("peers_alone").open_or_create().unwrap();
    let alone = alone.publisher_builder().create().unwrap();
    let paired = service("peers_paired").open_or_create().unwrap();
    let (publisher, subscriber) =
        (paired.publisher_builder().create().unwrap(), paired.subscriber_builder().create().unwrap());
    let sample: Small = [7; 8];
    Contest::new("publish 64 bytes without subscribers")
        .add("iceoryx2, send_copy", || alone.send_copy(black_box(sample)).unwrap())
        .add("StructStore, publish_at", || stream.publish_at(black_box(&sample), 5).unwrap())
        .at_most(1.0)
        .add("StructStore, publish, which reads a clock", || stream.publish(black_box(&sample)).unwrap())
        .add("the clock alone", now)
        .run(report);
    Contest::new("publish and receive 64 bytes")
        .add("iceoryx2, send_copy and receive", || {
            publisher.send_copy(black_box(sample)).unwrap();
            *subscriber.receive().unwrap().unwrap()
        })
        .add("StructStore, publish_at and try_next", || {
            stream.publish_at(black_box(&sample), 5).unwrap();
            follow.try_next().unwrap()
        })
        .at_most(1.0)
        .add("StructStore, publish_at and latest", || {
            stream.publish_at(black_box(&sample), 5).unwrap();
            stream.latest().unwrap()
        })
        .run(report);

    let frames = store.ensure_stream::<[u8]>("frames", Stream::array([480, 640, 3]).depth(4)).unwrap();
    let service = node
        .service_builder(&"peers_frames".try_into().unwrap())
        .publish_subscribe::<[u8]>()
        .open_or_create();
    let service = service.unwrap();
    let publisher = service.publisher_builder().initial_max_slice_len(FRAME).create().unwrap();
    let subscriber = service.subscriber_builder().create().unwrap();
    Contest::new("loan a frame of 921,600 bytes, publish and receive it")
        .add("iceoryx2", || {
            // SAFETY: bytes of any value are bytes; that nothing was written to them is what is compared.
            unsafe { publisher.loan_slice_uninit(FRAME).unwrap().assume_init() }.send().unwrap();
            subscriber.receive().unwrap().unwrap().payload()[5]
        })
        .add("StructStore", || {
            frames.loan().unwrap().publish_at(5).unwrap();
            frames.latest().unwrap().value[5]
        })
        .run(report);
}
