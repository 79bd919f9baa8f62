//! What breaks off goes on, or leaves nothing behind.

use rustix::process::{Pid, Signal, kill_process};

use super::{Home, noise, start, store};
use crate::{
    front::{Deed, Front},
    gateway::{Gateway, run_in},
};

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let content = noise(5_000_000);
    store(&bob, "big", content.clone());
    let front =
        Front::before(&gateway.url, vec![("GET /fs/bob/big", Deed::Break { after: 1_000_000, times: 3 })]);
    let home = Home::new();
    let variables = [("CONCIERGE_URL", &*front.url)];
    let got = run_in(&["files", "get", "bob/big", "--into", &home.text("into")], "", &variables);
    assert!(&got == 0, "{got:?}");
    assert_eq!(front.done.try_iter().count(), 3);
    assert!(home.read("into/big") == content);
}

#[test]
fn a_folder_that_was_made_for_nothing_is_gone_again() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "x", "new");
    let home = Home::new();
    home.keep("mine/x", "old");
    for (remote, into, code) in [
        ("bob/nothing", "a/b/c", 6),
        ("nobody/x", "mine/a/b", 6),
        ("bob/x", "mine", 10),
        ("bob/x", "x/y/z", 0),
    ] {
        let outcome = gateway.run(&["files", "get", remote, "--into", &home.text(into)]);
        assert!(&outcome == code, "{outcome:?}");
    }
    assert_eq!(home.everything(), ["mine", "mine/x", "x", "x/y", "x/y/z", "x/y/z/x"]);
}

#[test]
fn what_is_broken_off_leaves_nothing_behind() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "deep/big", noise(5_000_000));
    let home = Home::new();
    home.keep("into/big", "mine");
    // Nobody tidies up after who is killed; of the files there is nothing all the same.
    let (tidy, killed) = (&["into", "into/big"][..], &["into", "into/big", "into/deep"][..]);
    for (signal, code, left) in
        [(Signal::INT, Some(130), tidy), (Signal::TERM, Some(143), tidy), (Signal::KILL, None, killed)]
    {
        let front =
            Front::before(&gateway.url, vec![("GET /fs/bob/deep/big", Deed::Stall { after: 1_000_000 })]);
        let arguments = ["files", "get", "bob", "bob/deep/big", "--into", "into", "--force"];
        let child = start(&front.url, &home, &arguments);
        for _ in 0..2 {
            front.done.recv().unwrap();
        }
        assert_eq!(home.everything(), killed);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), code, "{ended:?}");
        assert_eq!(home.everything(), left);
        assert_eq!(home.read("into/big"), b"mine");
    }
}

#[test]
fn a_connection_that_breaks_off_for_good_is_lost() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "big", noise(1_000_000));
    let front =
        Front::before(&gateway.url, vec![("GET /fs/bob/big", Deed::Break { after: 0, times: usize::MAX })]);
    let home = Home::new();
    let variables = [("CONCIERGE_URL", &*front.url)];
    let got = run_in(&["files", "get", "bob/big", "--into", &home.text("into")], "", &variables);
    assert!(&got == 7, "{got:?}");
    assert!(got.stderr.contains("hint:"), "{got:?}");
    assert_eq!(home.everything(), Vec::<String>::new());
}
