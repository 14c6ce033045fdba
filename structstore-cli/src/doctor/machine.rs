//! What the machine and the user bring along.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, User, access, geteuid};

use super::Finding;
use crate::text::bytes;

const SHM: &str = "/dev/shm";
/// What Docker gives a container unless it is told otherwise.
const DOCKER: u64 = 64 << 20;
/// The least user id that is no system user's, for systemd.
const FIRST_USER: u32 = 1000;

pub(super) fn checks() -> Vec<Finding> {
    let mut findings = vec![kernel(), shared_memory(), container(), removal(Path::new("/"))];
    findings.extend(limits());
    findings.extend([address_space(), huge_pages(), swap(), real_time()]);
    findings
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Tries what stores need of the kernel.
fn kernel() -> Finding {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "an unknown release".to_owned());
    let found = format!("Linux {release} on {}", std::env::consts::ARCH);
    let missing = missing_features();
    match missing.is_empty() {
        true => Finding::fine("kernel", format!("{found}: has what stores need")),
        false => Finding::bad(
            "kernel",
            format!("{found}: lacks {}", missing.join(", ")),
            "Shared stores need these. A sandbox such as gVisor, or a seccomp filter, may withhold them.",
        ),
    }
}

fn missing_features() -> Vec<&'static str> {
    let Ok(memory) = memfd_create(c"structstore_doctor", MFdFlags::MFD_CLOEXEC) else {
        return vec!["memfd_create"];
    };
    let mut missing = Vec::new();
    // SAFETY: a descriptor that is open, and memory that it reads only.
    let done = unsafe { libc::fallocate(memory.as_raw_fd(), 0, 0, 4096) } == 0;
    if !done {
        missing.push("fallocate of shared memory");
    }
    // SAFETY: zero is a value of all of its members.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as _;
    lock.l_len = 1;
    // SAFETY: as above.
    if unsafe { libc::fcntl(memory.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } != 0 {
        missing.push("locks of open file descriptions");
    }
    missing
}

fn shared_memory() -> Finding {
    let check = "shared memory";
    let (Ok(kind), Ok(room)) = (statfs(SHM), statvfs(SHM)) else {
        let advice = "mount -t tmpfs -o mode=1777 tmpfs /dev/shm. Stores in files (`--file`) do not need it.";
        return Finding::bad(check, format!("there is no {SHM}"), advice);
    };
    let size = room.blocks().saturating_mul(room.fragment_size());
    let free = room.blocks_available().saturating_mul(room.fragment_size());
    let found = format!("{SHM}: {} free of {}", bytes(free), bytes(size));
    if room.flags().contains(FsFlags::ST_RDONLY) || access(SHM, AccessFlags::W_OK).is_err() {
        return Finding::bad(
            check,
            format!("{found}; this user may not write there"),
            "Mount it with mode=1777, or use stores in files.",
        );
    }
    if kind.filesystem_type() != TMPFS_MAGIC {
        let advice = "Stores there are files on a disk, which is slower and may be written back at any time. Mount a tmpfs there.";
        return Finding::advise(check, format!("{found}; it is not a tmpfs"), advice);
    }
    if size <= DOCKER {
        let advice = "64 MiB is Docker's default, which one image can fill: `docker run --shm-size=1g`, `shm_size: 1gb` in Compose, or in Kubernetes\n\
                      an emptyDir with `medium: Memory`, mounted at /dev/shm.";
        return Finding::advise(check, found, advice);
    }
    if free < size / 10 {
        return Finding::advise(
            check,
            found,
            "`structstore ls` shows the stores; `structstore clean` removes those that no process has open.",
        );
    }
    Finding::fine(check, found)
}

fn container() -> Finding {
    let check = "container";
    let cgroup = read("/proc/1/cgroup").unwrap_or_default();
    let which = [
        ("/.dockerenv", "Docker"),
        ("/run/.containerenv", "Podman"),
        ("/var/run/secrets/kubernetes.io", "Kubernetes"),
    ];
    let marked = which.into_iter().find(|(path, _)| Path::new(path).exists()).map(|(_, name)| name);
    let name = marked.or_else(|| {
        ["docker", "kubepods", "lxc", "containerd"].into_iter().find(|name| cgroup.contains(name))
    });
    match name {
        None => Finding::fine(check, "none, as far as can be seen"),
        Some(name) => Finding::advise(
            check,
            format!("in a container ({name})"),
            "Other containers, and the host, share stores only through the same /dev/shm: `--ipc=host` or `--ipc=container:NAME`, `ipc:` in Compose,\n\
             one pod in Kubernetes; or a store in a file on a shared volume.",
        ),
    }
}

/// Whether systemd removes the shared memory of users who log out.
fn removal(root: &Path) -> Finding {
    let check = "RemoveIPC";
    if !root.join("run/systemd/system").exists() {
        return Finding::fine(
            check,
            "systemd does not run here, so nothing removes stores of users who log out",
        );
    }
    let user = geteuid();
    if !removes_ipc(root) {
        return Finding::fine(check, "no: systemd keeps the stores of users who log out");
    }
    if user.as_raw() < FIRST_USER {
        return Finding::fine(check, "yes, but not for system users such as this one");
    }
    let name = User::from_uid(user).ok().flatten().map(|user| user.name).unwrap_or_default();
    if !name.is_empty() && root.join("var/lib/systemd/linger").join(&name).exists() {
        return Finding::fine(check, "yes, but this user lingers");
    }
    Finding::advise(
        check,
        "yes: when the last session of this user ends, systemd deletes all stores of this user, even those of running programs",
        "`loginctl enable-linger`, or RemoveIPC=no in /etc/systemd/logind.conf; or run the programs as a service with User= a system user.",
    )
}

/// What the last file that says anything says; systemd's default is yes.
fn removes_ipc(root: &Path) -> bool {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in ["usr/lib", "usr/local/lib", "run", "etc"] {
        let folder = root.join(folder).join("systemd/logind.conf.d");
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "conf")));
    }
    // By name: one of another folder with the same name replaces the others, the later folder first.
    files.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    let main = root.join("etc/systemd/logind.conf");
    let mut removes = true;
    for file in std::iter::once(main).chain(files) {
        let text = fs::read_to_string(file).unwrap_or_default();
        let values = text.lines().filter_map(|line| line.trim().strip_prefix("RemoveIPC"));
        let mut values = values.filter_map(|rest| rest.trim_start().strip_prefix('='));
        if let Some(value) = values.next_back() {
            removes = !["no", "false", "off", "0", "n", "f"].contains(&value.trim().to_lowercase().as_str());
        }
    }
    removes
}

fn limit(resource: Resource) -> Option<u64> {
    getrlimit(resource).ok().map(|(soft, _)| soft).filter(|soft| *soft != RLIM_INFINITY)
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), bytes)
}

fn limits() -> Vec<Finding> {
    let files = limit(Resource::RLIMIT_NOFILE);
    let count = files.map_or_else(|| "unlimited".to_owned(), |files| files.to_string());
    let few = files.is_some_and(|files| files < 256);
    let descriptors = match few {
        true => Finding::advise(
            "open files",
            count,
            "A store takes a descriptor: `ulimit -n 1024`, or LimitNOFILE= of a service.",
        ),
        false => Finding::fine("open files", format!("{count}; a store takes one")),
    };
    let locked = limit(Resource::RLIMIT_MEMLOCK);
    let memory = match locked {
        Some(locked) if locked < DOCKER && !geteuid().is_root() => Finding::advise(
            "locked memory",
            shown(Some(locked)),
            "`lock_memory` needs a limit of at least the size of the store: `ulimit -l`, LimitMEMLOCK= of a service, or `--ulimit memlock=-1` of Docker.",
        ),
        locked => Finding::fine("locked memory", shown(locked)),
    };
    let size = match limit(Resource::RLIMIT_FSIZE) {
        None => Finding::fine("file size", "unlimited"),
        Some(size) => Finding::advise(
            "file size",
            bytes(size),
            "A store cannot grow beyond that: `ulimit -f unlimited`.",
        ),
    };
    vec![descriptors, memory, size]
}

fn address_space() -> Finding {
    let check = "address space";
    let strict = read("/proc/sys/vm/overcommit_memory").as_deref() == Some("2");
    match (limit(Resource::RLIMIT_AS), strict) {
        (None, false) => {
            Finding::fine(check, "unlimited; a store reserves addresses for its `max_size`, but no memory")
        }
        (limited, _) => {
            let found = if strict { "the kernel does not overcommit".to_owned() } else { shown(limited) };
            Finding::advise(
                check,
                found,
                "Give stores a `max_size`: by default, each reserves 64 GiB of addresses, or less if there are not so many.",
            )
        }
    }
}

fn huge_pages() -> Finding {
    let check = "huge pages";
    let modes = read("/sys/kernel/mm/transparent_hugepage/shmem_enabled").unwrap_or_default();
    let mode = modes.split(['[', ']']).nth(1).unwrap_or("unknown");
    match mode {
        "always" | "force" => Finding::advise(
            check,
            format!("{mode}: shared memory is allocated in pages of 2 MiB"),
            "Each store takes at least 2 MiB. Large pages are faster for large arrays; `advise` or `never` saves memory.",
        ),
        mode => Finding::fine(check, format!("{mode}, of shared memory")),
    }
}

fn swap() -> Finding {
    match read("/proc/swaps").is_some_and(|swaps| swaps.lines().count() > 1) {
        true => Finding::advise(
            "swap",
            "on: memory of stores can be swapped out",
            "Open the store with `lock_memory` in loops that must not wait for a disk.",
        ),
        false => Finding::fine("swap", "off"),
    }
}

fn real_time() -> Finding {
    let kernel = if read("/sys/kernel/realtime").as_deref() == Some("1") {
        "a PREEMPT_RT kernel"
    } else {
        "not a PREEMPT_RT kernel"
    };
    // SAFETY: of a number and memory of its own.
    let priority = unsafe {
        let mut found: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_RTPRIO, &raw mut found) == 0 { found.rlim_cur } else { 0 }
    };
    let may = match (geteuid().is_root(), priority) {
        (true, _) => "root may use SCHED_FIFO".to_owned(),
        (false, 0) => "this user may not use SCHED_FIFO".to_owned(),
        (false, most) => format!("this user may use SCHED_FIFO up to priority {most}"),
    };
    Finding::fine("real time", format!("{kernel}; {may}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_file_says_whether_stores_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(removes_ipc(root.path()));
        write("etc/systemd/logind.conf", "[Login]\n#RemoveIPC=no\n");
        assert!(removes_ipc(root.path()));
        write("etc/systemd/logind.conf", "[Login]\nRemoveIPC = no\n");
        assert!(!removes_ipc(root.path()));
        write("usr/lib/systemd/logind.conf.d/10-a.conf", "[Login]\nRemoveIPC=yes\n");
        assert!(removes_ipc(root.path()));
        write("etc/systemd/logind.conf.d/20-b.conf", "[Login]\nRemoveIPC=off\n");
        write("etc/systemd/logind.conf.d/30-c.txt", "[Login]\nRemoveIPC=yes\n");
        assert!(!removes_ipc(root.path()));
    }

    #[test]
    fn users_are_told_only_where_systemd_runs() {
        let root = tempfile::tempdir().unwrap();
        assert!(removal(root.path()).found.contains("does not run here"));
        fs::create_dir_all(root.path().join("run/systemd/system")).unwrap();
        let found = removal(root.path());
        assert!(found.found.starts_with("yes"), "{}", found.found);
        assert_eq!(found.advice.is_some(), geteuid().as_raw() >= FIRST_USER);
    }
}
