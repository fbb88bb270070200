//! A full disk: whatever does not fit any more, what was there stays whole, and room is all it takes to go on.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;
use std::process::Command;

use chancery_conformance::{TestForum, TestNode, mapping, release_of};

/// A small file system over a folder, until dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// None, with a printed reason, where this user may not mount one.
    fn over(folder: &'a Path, size: &str) -> Option<Self> {
        let size = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        println!("skipped the full disk: mounting a small one needs root");
        None
    }

    /// Leaves room for so many bytes and gives the file that takes the rest.
    fn fill(&self, left: usize) -> std::path::PathBuf {
        let (filler, room) = (self.0.join("filler"), self.0.join("room"));
        std::fs::write(&room, vec![1u8; left]).unwrap();
        assert!(std::fs::write(&filler, vec![1u8; 64 << 20]).is_err(), "the disk is not small");
        std::fs::remove_file(room).unwrap();
        filler
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn an_import_that_does_not_fit_leaves_nothing() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let mount = gtm.dir.join("stages");
    let Some(disk) = SmallDisk::over(&mount, "16k") else { return };
    let rows: String =
        (0..4_000).map(|i| format!("{}-{:02},MEX,{}\n", 1000 + i / 12, i % 12 + 1, i * 7919 % 100_003)).collect();
    let file = gtm.write("long.csv", &format!("month,from,persons\n{rows}")).unwrap();
    let map = gtm.write("long.toml", &mapping("GTM")).unwrap();
    let answer = gtm.run(&["import", &file, "--mapping", &map, "--title", "Long"]).unwrap();
    assert_eq!(answer.code, 8, "{answer:?}");
    assert!(answer.err.contains("No space left") || answer.err.contains("disk is full"), "{answer:?}");
    assert_eq!(std::fs::read_dir(&mount).unwrap().count(), 0);
    drop(disk);
    assert_eq!(gtm.run(&["preview"]).unwrap().code, 5);
}

#[test]
fn a_publication_that_does_not_fit_is_absent_and_fits_later() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let founded = &forum.nodes[0];
    let folder = forum.root.path().join("disk");
    std::fs::create_dir(&folder).unwrap();
    let Some(disk) = SmallDisk::over(&folder, "8m") else { return };
    let copied = Command::new("cp").arg("-a").arg(&founded.dir).arg(&folder).status().unwrap();
    assert!(copied.success());
    let gtm = TestNode { member: founded.member.clone(), dir: folder.join("GTM"), http: founded.http };
    let mut refused = 0;
    for left in [0, 4 << 10, 16 << 10, 40 << 10, 100 << 10, 400 << 10] {
        gtm.stage(&format!("{left} bytes left"), &[("2024-01", 10)]).unwrap();
        gtm.run(&["approve"]).unwrap().ok().unwrap();
        let before = gtm.json(&["log", "--check"]).unwrap()["size"].as_u64().unwrap();
        let filler = disk.fill(left);
        let answer = gtm.run(&["publish", "--json"]).unwrap();
        std::fs::remove_file(filler).unwrap();
        let after = gtm.json(&["log", "--check"]).unwrap();
        assert_eq!(after["checked"], true, "{left} bytes left");
        let release = if answer.code == 0 {
            release_of(&serde_json::from_str(&answer.out).unwrap()).unwrap()
        } else {
            refused += 1;
            assert_eq!(answer.code, 8, "{left} bytes left: {answer:?}");
            let says = ["No space left", "disk is full", "whether the disk is full"];
            assert!(says.iter().any(|words| answer.err.contains(words)), "{left} bytes left: {answer:?}");
            assert_eq!(after["size"], before, "{left} bytes left: a half state");
            release_of(&gtm.json(&["publish"]).unwrap()).unwrap()
        };
        gtm.run(&["verify", &release]).unwrap().ok().unwrap();
    }
    assert!(refused > 0, "the disk was never full");
}
