//! Programs in C and C++, which check for themselves, and what other languages see of what they do.

use std::fs;
use std::process::Command;

use structstore::{DType, Meta, StreamValue, StructStoreShared};
use structstore_tests::{SegmentName, assert_specimens, put_specimens, python};

use crate::compiler::{C, CPP, and_sanitized, compile, compilers, root, succeed};

/// Compiles one of the programs with each compiler and standard, and passes on what was made.
fn each(source: &str, compilers: &[String], options: &[&[&str]], run: impl Fn(&mut Command)) {
    let folder = tempfile::tempdir().unwrap();
    for (first, compiler) in compilers.iter().enumerate() {
        for (number, options) in options.iter().enumerate() {
            let program = folder.path().join(format!("{first}_{number}"));
            compile(compiler, options, &root().join("tests/programs").join(source), &program);
            run(&mut Command::new(program));
        }
    }
}

#[test]
fn headers_stand_for_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let alone = |compilers: &[String], standards: &[&str], header: &str, ending: &str| {
        let source = folder.path().join(format!("alone.{ending}"));
        fs::write(
            &source,
            format!("#include <{header}>\nint main(void) {{ return stst_version() == 0; }}\n"),
        )
        .unwrap();
        for compiler in compilers {
            for standard in standards {
                let program = folder.path().join("alone");
                let standard: Vec<&str> = standard.split(' ').collect();
                compile(compiler, &standard, &source, &program);
                succeed(&mut Command::new(program));
            }
        }
    };
    alone(&compilers(C), &["-std=c11", "-std=c17"], "structstore.h", "c");
    let cpp = compilers(CPP);
    alone(&cpp, &["-std=c++17", "-std=c++20", "-std=c++2b"], "structstore.h", "cpp");
    alone(
        &cpp,
        &["-std=c++17", "-std=c++20", "-std=c++2b", "-std=c++17 -fno-exceptions"],
        "structstore.hpp",
        "cpp",
    );
}

#[test]
fn the_readme_of_the_original_runs() {
    let name = SegmentName::new("cpp");
    each("readme.cpp", &compilers(CPP), &[&["-std=c++17"], &["-std=c++20"]], |program| {
        let said = succeed(program.arg(&*name));
        assert!(said.contains(r#"shared data: {"num": 53, "settings": {"num": 43,"#), "{said}");
    });
}

/// What ours shows of C++.
#[test]
fn our_readme_runs() {
    let name = SegmentName::new("cpp");
    let readme = fs::read_to_string(root().join("../README.md")).unwrap();
    let shown = readme.split("```cpp\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let opened = "stst::StructStoreShared robot(\"/robot\");";
    assert!(shown.contains(opened));
    let (head, body) = shown.split_once("\n\n").unwrap();
    let before = format!(
        "stst::StructStoreShared robot({:?});\nrobot[\"vector\"] = std::vector<double>{{1, 2}};",
        &*name
    );
    let program = format!("{head}\nint main() {{\n{}\nreturn 0;\n}}\n", body.replace(opened, &before));
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("readme.cpp");
    fs::write(&source, program).unwrap();
    for compiler in compilers(CPP) {
        let program = folder.path().join("readme");
        compile(&compiler, &["-std=c++17", "-Wno-unused-variable"], &source, &program);
        succeed(&mut Command::new(program));
    }
}

/// The C++ of each page of the guide, in one program. A block that opens the store begins anew.
#[test]
fn the_guide_runs() {
    let name = SegmentName::new("guide");
    let compilers = compilers(CPP);
    let folder = tempfile::tempdir().unwrap();
    let mut blocks = 0;
    for page in fs::read_dir(root().join("../docs/src")).unwrap() {
        let page = page.unwrap().path();
        let text = fs::read_to_string(&page).unwrap_or_default();
        let shown: Vec<&str> =
            text.split("```cpp,ignore\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        if shown.is_empty() {
            continue;
        }
        blocks += shown.len();
        let before = match page.file_stem().unwrap().to_str().unwrap() {
            "limits" => "keep[\"rate\"] = 5;",
            "locks" => "keep[\"pose\"][\"x\"] = 1.0;",
            "transactions" => "keep[\"tanks\"][\"right\"] = 1.0; keep[\"tanks\"][\"left\"] = 1.0;",
            _ => "",
        };
        let open = format!("stst::StructStoreShared robot({:?});\n", &*name);
        let (mut includes, mut body) = (String::new(), String::new());
        for block in &shown {
            let lines = block.lines().filter(|line| !line.starts_with("namespace "));
            let (headers, code): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('#'));
            headers.iter().for_each(|line| includes += &format!("{line}\n"));
            let code = code.join("\n").replace("robot(\"/robot\"", &format!("robot({:?}", &*name));
            let opens = code.contains("StructStoreShared robot(");
            if body.is_empty() || opens {
                let (end, begin) =
                    (if body.is_empty() { "" } else { "}\n" }, if opens { "" } else { &*open });
                body += &format!("{end}{{\n{begin}");
            }
            body += &format!("{code}\n");
        }
        let program = format!(
            "#include <structstore.hpp>\n#include <iostream>\n#include <vector>\n{includes}namespace stst = structstore;\n\
             [[maybe_unused]] static void use(double, std::uint64_t) {{}}\n\
             int main() {{\nstst::StructStoreShared keep({:?});\n{before}\n{body}}}\nreturn 0;\n}}\n",
            &*name
        );
        let source = folder.path().join("guide.cpp");
        fs::write(&source, program).unwrap();
        for compiler in &compilers {
            let program = folder.path().join("guide");
            compile(compiler, &["-std=c++17", "-Wno-unused-variable"], &source, &program);
            // Not every system lets a user lock memory.
            if !text.contains("options.lock_memory = true") {
                succeed(&mut Command::new(program));
            }
        }
    }
    assert!(blocks >= 11, "{blocks}");
}

#[test]
fn everything_works_in_cpp() {
    let name = SegmentName::new("cpp");
    let sanitized: &[&str] = &["-std=c++17", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    each(
        "everything.cpp",
        &compilers(CPP),
        &and_sanitized(&[&["-std=c++17"], &["-std=c++20", "-O2"]], sanitized),
        |program| {
            succeed(program.arg(&*name));
        },
    );
}

#[test]
fn misuse_is_refused() {
    let sanitized: &[&str] = &["-std=c11", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    each("misuse.c", &compilers(C), &and_sanitized(&[&["-std=c11"]], sanitized), |program| {
        assert_eq!(succeed(program), "refused\n");
    });
}

/// Each language reads what each has put there; C++ goes through the functions for C.
#[test]
fn languages_read_what_others_write() {
    let name = SegmentName::new("languages");
    each("peer.cpp", &compilers(CPP), &[&["-std=c++17"]], |program| {
        let cpp = |task: &str| succeed(Command::new(program.get_program()).args([&*name, task]));
        let python = python("languages_read_what_others_write");
        let python = |task: &str, rest: &[&str]| {
            if let Some(python) = &python {
                let peer = root().join("../tests/python/peer.py");
                succeed(Command::new(python).arg(peer).args([&*name, task]).args(rest));
            }
        };
        let open = || StructStoreShared::options().reinit(true).open(&*name).unwrap();
        let writers: [&dyn Fn(&StructStoreShared); 3] =
            [&|store| put_specimens(store).unwrap(), &|_| drop(cpp("put")), &|store| {
                if python_is_there() { python("put", &[]) } else { put_specimens(store).unwrap() }
            }];
        for put in writers {
            let store = open();
            put(&store);
            assert_specimens(&store).unwrap();
            cpp("assert");
            python("assert", &[]);
        }

        let store = open();
        let numbers = || StreamValue::new(DType::of::<f64>(), &[], 200).unwrap();
        for [publish, follow] in [["cpp", "python"], ["python", "cpp"]] {
            store.set("numbers", numbers()).unwrap();
            for (language, task) in [(publish, "publish"), (follow, "follow")] {
                if language == "cpp" { drop(cpp(task)) } else { python(task, &["numbers"]) }
            }
        }

        store.set("limited", 5).unwrap();
        store.declare("limited", &Meta::new().range(0..=10)).unwrap();
        store.set("u8", 1_u8).unwrap();
        store.declare("u8", &Meta::new().description("small")).unwrap();
        cpp("refuse");
        python("refuse", &[]);

        // A process of either language dies with the lock; the other goes on.
        let pair = store.ensure_struct("pair").unwrap();
        pair.update([("a", 0), ("b", 0)]).unwrap();
        python("die", &["pair"]);
        if python_is_there() {
            cpp("meet the dead");
        }
        pair.update([("a", 0), ("b", 0)]).unwrap();
        let died = Command::new(program.get_program()).args([&*name, "die"]).output().unwrap();
        assert!(!died.status.success() && died.stdout == b"held\n", "{died:?}");
        python("meet the dead", &["pair"]);
        store.check().unwrap();
    });
}

/// The end of a transaction, too, is under its lock.
#[test]
fn transactions_of_several_processes_end_one_after_the_other() {
    let name = SegmentName::new("transact");
    let compilers = compilers(CPP);
    each("peer.cpp", compilers.get(..1).unwrap_or_default(), &[&["-std=c++17"]], |program| {
        let store = StructStoreShared::options().reinit(true).open(&*name).unwrap();
        store.set("counter", 0_i64).unwrap();
        let start = || Command::new(program.get_program()).args([&*name, "transact"]).spawn().unwrap();
        let peers: Vec<_> = (0..3).map(|_| start()).collect();
        peers.into_iter().for_each(|mut peer| assert!(peer.wait().unwrap().success()));
        assert_eq!(store.get::<i64>("counter").unwrap(), 15_000);
        assert_eq!(store.names().unwrap(), ["counter", "pair"]);
        store.check().unwrap();
    });
}

fn python_is_there() -> bool {
    std::env::var_os("STRUCTSTORE_PYTHON").is_some()
}

#[test]
fn a_store_is_shared_with_rust_whoever_dies() {
    let name = SegmentName::new("cpp");
    each("peer.cpp", &compilers(CPP), &[&["-std=c++17"]], |program| {
        let store = StructStoreShared::options().reinit(true).open(&*name).unwrap();
        store.set("counter", 0_i64).unwrap();
        let pair = store.ensure_struct("pair").unwrap();
        pair.update([("a", 0), ("b", 0)]).unwrap();
        let mut dies = Command::new(program.get_program());
        let output = dies.args([&*name, "die"]).output().unwrap();
        assert!(!output.status.success() && output.stdout == b"held\n", "{output:?}");
        // It died with the lock, in the middle.
        assert!(pair.write().unwrap().recovered());
        let others: Vec<_> = (0..2)
            .map(|_| Command::new(program.get_program()).args([&*name, "count"]).spawn().unwrap())
            .collect();
        for _ in 0..2000 {
            store
                .transaction(|root| -> structstore::Result<()> {
                    let (a, b) = (root.get_at::<i64>("pair.a")?, root.get_at::<i64>("pair.b")?);
                    assert!(a == -b || a == 99, "{a} {b}");
                    *root.get_mut::<i64>("counter")? += 1;
                    Ok(())
                })
                .unwrap();
        }
        others.into_iter().for_each(|mut other| assert!(other.wait().unwrap().success()));
        assert_eq!(store.get::<i64>("counter").unwrap(), 6000);
        store.check().unwrap();
    });
}
