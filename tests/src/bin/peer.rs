//! The other process of the tests across processes: runs the task that its arguments name on a shared store.

use std::process::ExitCode;
use std::time::Duration;

use structstore::binding_support::{OptionsExt, StructExt};
use structstore::stream::{self, Follow, Publish, Start, Stream};
use structstore::{Array, Error, ErrorKind, Key, Kind, Result, StructStoreShared};
use structstore_tests::{assert_specimens, put_specimens};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let [name, task, rest @ ..] = arguments else { return usage() };
    if *task == "open and close" {
        // For ever, so that it is killed in the middle of opening or closing.
        loop {
            StructStoreShared::open(name)?.close()?;
            // So that there often is no store at all, however busy the machine is.
            std::thread::sleep(Duration::from_micros(300));
        }
    }
    if let ("open within", [milliseconds]) = (*task, rest) {
        let options = StructStoreShared::options().create(false);
        let opened = options.timeout(Duration::from_millis(number(milliseconds)?)).open(name);
        return match opened {
            Err(error) if error.kind() == ErrorKind::NotReady => Ok(()),
            other => other.map(drop).and_then(|()| usage()),
        };
    }
    // Watches a field as an observer, says so, and waits for one change and for the end of its standard input.
    if let ("observe and watch", [field]) = (*task, rest) {
        let store = StructStoreShared::options().observe(true).open(name)?;
        let mut watch = store.at(field)?.watch()?;
        let view = store.get::<Array>("array")?.view()?;
        println!("watching");
        let Some(_) = watch.wait(Some(Duration::from_secs(60)))? else { return usage() };
        let _ = std::io::stdin().read_line(&mut String::new());
        drop(view);
        return Ok(());
    }
    // Observes, says so, and after a line of input opens the store once more to change it, until its standard input ends.
    if let ("observe, then count", [field]) = (*task, rest) {
        let observer = StructStoreShared::options().observe(true).open(name)?;
        let watch = observer.at(field)?.watch()?;
        println!("observing");
        let _ = std::io::stdin().read_line(&mut String::new());
        let store = StructStoreShared::open(name)?;
        store.at(field)?.set("first", 1)?;
        drop((watch, observer));
        let _ = std::io::stdin().read_line(&mut String::new());
        return store.close();
    }
    // Watches as an observer until the store is removed, and waits for the end of its standard input.
    if let ("see removal", [field]) = (*task, rest) {
        let store = StructStoreShared::options().observe(true).open(name)?;
        let mut watch = store.at(field)?.watch()?;
        println!("watching");
        return loop {
            match watch.wait(Some(Duration::from_secs(60))) {
                Ok(Some(_)) => {}
                Err(error) if error.kind() == ErrorKind::StaleHandle && !store.valid() => break Ok(()),
                other => break other.map(drop).and_then(|()| usage()),
            }
        };
    }
    if *task == "replace orphans" {
        return StructStoreShared::options().replacing_orphans().open(name).map(drop);
    }
    if *task == "reinit" {
        let options = StructStoreShared::options().reinit(true).cleanup(structstore::Cleanup::Never);
        return options.open(name).map(drop);
    }
    let store = StructStoreShared::options().create(false).open(name)?;
    match (*task, rest) {
        ("put", []) => put_specimens(&store),
        ("assert", []) => assert_specimens(&store),
        // Adds to both counters of a struct the given number of times, under a lock on it.
        ("count", [field, times]) => {
            let counters = store.at(field)?;
            for _ in 0..number(times)? {
                let mut guard = counters.write()?;
                *guard.get_mut::<i64>("first")? += 1;
                *guard.get_mut::<i64>("second")? += 1;
            }
            Ok(())
        }
        // Reads both counters until they reach the given number; they must always be equal.
        ("observe", [field, until]) => {
            let counters = store.at(field)?;
            loop {
                let guard = counters.read()?;
                let (first, second) = (guard.get::<i64>("first")?, guard.get::<i64>("second")?);
                assert_eq!(first, second, "half a change was seen");
                if first >= number(until)? as i64 {
                    return Ok(());
                }
            }
        }
        // Locks a field, prints a line, and releases the lock when its standard input ends.
        ("hold", [field]) => {
            let guard = store.at(field)?.write()?;
            println!("held");
            let mut line = String::new();
            let _ = std::io::stdin().read_line(&mut line);
            drop(guard);
            Ok(())
        }
        // Looks at everything, says so, and leaves when its standard input ends.
        ("look, and wait", []) => {
            println!("{}", store.to_string().len());
            let _ = std::io::stdin().read_line(&mut String::new());
            Ok(())
        }
        // Counts once, prints a line, and ends when its standard input ends.
        ("count, and wait", [field]) => {
            *store.at(field)?.write()?.get_mut::<i64>("first")? += 1;
            println!("counted");
            let _ = std::io::stdin().read_line(&mut String::new());
            Ok(())
        }
        // Locks one field, prints a line, and after a line of input asks for a second lock.
        ("hold both", [first, second]) => {
            let first = store.at(first)?.write()?;
            println!("held");
            let _ = std::io::stdin().read_line(&mut String::new());
            let second = store.at(second)?.write()?;
            drop((first, second));
            Ok(())
        }
        // Copies each new value of `ping` to `pong`, until it reaches the given number.
        ("answer", [until]) => {
            let (ping, pong) = (store.at("ping")?, store.at("pong")?);
            let mut watch = ping.watch()?;
            println!("watching");
            let (mut answered, until) = (0, number(until)? as u64);
            while answered < until {
                let asked = ping.get::<u64>("n")?;
                if asked == answered {
                    let Some(_) = watch.wait(Some(Duration::from_secs(60)))? else { return usage() };
                } else {
                    pong.set("n", asked)?;
                    answered = asked;
                }
            }
            Ok(())
        }
        // Watches a field for ever.
        ("watch forever", [field]) => {
            let watch = store.at(field)?.watch()?;
            println!("watching");
            watch.for_each(drop);
            Ok(())
        }
        // Reads a field for ever.
        ("observe forever", [field]) => {
            let _guard = store.at(field)?.read()?;
            forever()
        }
        // Changes a field, and adds and removes another one, without a pause.
        ("set forever", [field]) => {
            println!("ready");
            let other = format!("with {field}");
            for number in 0_u64.. {
                store.set(*field, number)?;
                if number % 1000 == 0 {
                    store.set(&*other, number)?;
                    store.remove(&*other)?;
                }
            }
            Ok(())
        }
        // Holds a write lock on a field of which it has changed half, perhaps after it has written the given number of bytes elsewhere.
        ("die holding", [field, bytes]) => {
            if number(bytes)? > 0 {
                let elements = vec![1_u8; number(bytes)? as usize];
                store.set("ballast", structstore::ArrayValue::from_slice(&[elements.len()], &elements)?)?;
            }
            let mut guard = store.at(field)?.write()?;
            *guard.get_mut::<i64>("first")? += 1;
            forever()
        }
        // Keeps a view of an array that it then removes.
        ("die viewing", [field]) => {
            let _view = store.get::<Array>(*field)?.view()?;
            store.delete(*field)?;
            forever()
        }
        // Changes a field that is lent, and nothing else.
        ("refer", [field]) => {
            let place = store.lend_for_good(&Key::new(field), Kind::I64)?;
            // SAFETY: lent while the store is open.
            unsafe { place.cast::<i64>().write(5) };
            store.close()
        }
        // Has a field lent for good, of a struct that it then removes.
        ("die with a reference", [field]) => {
            let part = store.ensure_struct(*field)?;
            part.lend_for_good(&Key::new("number"), Kind::I32)?;
            store.delete_forced(*field)?;
            forever()
        }
        // Pushes so many numbers in a transaction, which takes long to undo, and stops before its end.
        ("die in a transaction of", [field, pushes]) => store.transaction(|fields| {
            let mut list = fields.ensure_list(*field)?;
            (0..number(pushes)?).try_for_each(|number| list.push(number as i64))?;
            forever()
        }),
        // Changes both counters in a transaction, and stops before its end.
        ("die in a transaction", [field]) => store.at(field)?.transaction(|counters| {
            *counters.get_mut::<i64>("first")? += 1;
            counters.set("second", "something else")?;
            forever()
        }),
        // Closes all descriptors but its output, as daemons do, while it holds a field.
        ("hold as a daemon", [field]) => {
            let _guard = store.at(field)?.write()?;
            for descriptor in 3..256 {
                // SAFETY: closes what this process will not use again; the mapping stays.
                unsafe { libc::close(descriptor) };
            }
            forever()
        }
        // Replaces its descriptors by other files, and waits for a lock on a field.
        ("wait with others' descriptors", [field]) => {
            let field = store.at(field)?;
            for descriptor in 3..64 {
                // SAFETY: this process no longer uses the files that it has open there; the mapping stays.
                unsafe { libc::dup2(0, descriptor) };
            }
            println!("ready");
            drop(field.write()?);
            forever()
        }
        // Allocates and frees in a field for ever.
        ("allocate forever", [field]) => {
            let field = store.ensure_struct(*field)?;
            println!("ready");
            loop {
                field.set("loop", structstore::Value::list([1, 2, 3]))?;
                field.set("loop", "x".repeat(300))?;
            }
        }
        // Publishes so many samples and frames, each of which holds its number, and ends when its standard input ends.
        ("publish", [count]) => {
            let (words, frames) = streams(&store)?;
            publish(&words, &frames, number(count)?)?;
            println!("published");
            let _ = std::io::stdin().read_line(&mut String::new());
            Ok(())
        }
        // Publishes so many words under the root's lock, and gives the right back each time.
        ("publish in turn", [count]) => {
            let (words, _) = streams(&store)?;
            for _ in 0..number(count)? {
                let _turn = store.write()?;
                words.publish(&[words.published(); 8])?;
                words.release()?;
            }
            Ok(())
        }
        ("publish forever", []) => {
            let (words, frames) = streams(&store)?;
            publish(&words, &frames, 1)?;
            println!("publishing");
            publish(&words, &frames, u64::MAX)
        }
        // Follows both streams until so many samples were seen of each, got or missed.
        ("follow", [until]) => {
            let (words, frames) = streams(&store)?;
            let (mut words, mut frames) = (words.follow(Start::Next), frames.follow(Start::Next));
            let (until, mut seen) = (number(until)?, [0, 0]);
            println!("following");
            let whole = |sample: &[u64]| assert!(sample.iter().all(|word| *word == sample[0]), "torn");
            while seen.iter().any(|seen| *seen + 1 < until) {
                stream::wait(&[&words, &frames], None)?;
                if let Some(sample) = words.try_next()? {
                    whole(&sample.value);
                    seen[0] = sample.seq;
                }
                if let Some(sample) = frames.try_next()? {
                    whole(&sample.value);
                    seen[1] = sample.seq;
                }
            }
            Ok(())
        }
        // Answers each sample of one stream by one of another, for ever.
        ("answer samples", []) => {
            answer(&store, store.get::<Stream<[u64; 8]>>("samples")?.follow(Start::Next))
        }
        ("answer frames", []) => answer(&store, store.get::<Stream<[u64]>>("frames")?.follow(Start::Next)),
        // Keeps the newest frame until its standard input ends, and finds it as it was.
        ("hold a frame", []) => {
            let (_, frames) = streams(&store)?;
            let frame = frames.latest()?.value;
            let before = frame.to_vec();
            println!("holding");
            let _ = std::io::stdin().read_line(&mut String::new());
            assert_eq!(*frame, before, "the frame has changed");
            Ok(())
        }
        ("sleep", [milliseconds]) => {
            println!("attached");
            std::thread::sleep(Duration::from_millis(number(milliseconds)?));
            Ok(())
        }
        _ => usage(),
    }
}

fn answer<T: Publish + ?Sized>(store: &StructStoreShared, mut questions: Follow<T>) -> Result<()> {
    let answers = store.get::<Stream<[u64; 8]>>("answers")?;
    println!("answering");
    questions.try_for_each(|question| answers.publish(&[question?.seq; 8]).map(drop))
}

type Streams = (Stream<[u64; 8]>, Stream<[u64]>);

fn streams(store: &StructStoreShared) -> Result<Streams> {
    Ok((store.get("words")?, store.get("frames")?))
}

/// Publishes so many samples and frames, each of which holds its number.
fn publish(words: &Stream<[u64; 8]>, frames: &Stream<[u64]>, count: u64) -> Result<()> {
    for _ in 0..count {
        words.publish(&[words.published(); 8])?;
        let mut frame = frames.loan()?;
        let number = frames.published();
        frame.as_mut_slice().fill(number);
        frame.publish()?;
    }
    Ok(())
}

/// Prints that the process is ready, and waits to be killed.
fn forever() -> ! {
    println!("ready");
    loop {
        std::thread::park();
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Error::invalid("number", text.to_owned(), "a whole number"))
}

fn usage() -> Result<()> {
    Err(Error::invalid(
        "arguments",
        std::env::args().collect::<Vec<_>>().join(" "),
        "NAME put|assert|count FIELD N|observe FIELD N|hold FIELD|sleep MS",
    ))
}
