//! What lies on the disk: private files, the lock, versions, backups.

use crate::kit::{Home, NOW_US, intent, options, row};
use weir_store::{NewUser, Store, StoreError, UsageQuery};

#[cfg(unix)]
#[tokio::test]
async fn every_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    std::fs::write(home.database(), "").unwrap();
    std::fs::set_permissions(home.database(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = home.serve(1);
    store.ledger().begin(intent(1)).await.unwrap();
    store.backup(&home.path().join("copy.db")).unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            entry.file_name()
        );
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "copy.db",
            "weir.db",
            "weir.db-shm",
            "weir.db-wal",
            "weir.db.lock"
        ]
    );
}

#[test]
fn a_second_serve_is_refused_and_a_command_is_not() {
    let home = Home::new();
    let store = home.serve(1);
    let refusal = Store::open(&options(&home.database(), 2, true))
        .err()
        .expect("it is refused");
    assert!(matches!(refusal, StoreError::InUse { .. }), "{refusal}");
    home.command(3).list_users().unwrap();
    store.close();
    home.serve(4);
}

#[tokio::test]
async fn closing_leaves_one_file_that_holds_everything() {
    let home = Home::new();
    let store = home.serve(1);
    store.ledger().finish(row(1)).await.unwrap();
    store.close();
    assert!(!home.path().join("weir.db-wal").exists());
    assert!(home.serve(2).find_call(row(1).call_id).unwrap().is_some());
}

#[test]
fn a_new_database_is_brought_to_the_present_version_once() {
    let home = Home::new();
    let first = home.serve(1).migration_report().clone();
    assert_eq!(first.applied, (1..=first.version).collect::<Vec<_>>());
    let second = home.serve(2).migration_report().clone();
    assert_eq!((second.version, second.applied.len()), (first.version, 0));
}

#[test]
fn many_processes_may_open_a_new_database_at_once() {
    let home = Home::new();
    let applied: usize = std::thread::scope(|scope| {
        let home = &home;
        let opens: Vec<_> = (0..6)
            .map(|boot| scope.spawn(move || home.command(boot).migration_report().applied.len()))
            .collect();
        opens.into_iter().map(|open| open.join().unwrap()).sum()
    });
    assert_eq!(applied, 1);
}

#[test]
fn what_is_no_database_is_refused() {
    let home = Home::new();
    std::fs::write(
        home.database(),
        "This is not a database, but a text of some length.".repeat(100),
    )
    .unwrap();
    assert!(Store::open(&options(&home.database(), 1, false)).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_made_while_calls_are_recorded_are_whole() {
    let home = Home::new();
    let store = home.serve(1);
    store
        .create_user(
            NewUser {
                name: "Ada".to_owned(),
                admin: true,
            },
            NOW_US,
        )
        .unwrap();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let calls = tokio::spawn({
        let store = store.clone();
        async move {
            let mut n = 0;
            while stopped.try_recv().is_err() {
                store.ledger().begin(intent(n)).await.unwrap();
                store.ledger().finish(row(n)).await.unwrap();
                n += 1;
            }
            n
        }
    });
    let copies: Vec<_> = (0..10)
        .map(|n| home.path().join(format!("copy-{n}.db")))
        .collect();
    for copy in copies.clone() {
        store
            .run_blocking(move |store| store.backup(&copy))
            .await
            .unwrap();
    }
    stop.send(()).unwrap();
    let calls = u64::from(calls.await.unwrap());

    for (n, copy) in (10..).zip(&copies) {
        assert!(
            !copy.with_extension("db-wal").exists(),
            "a backup is one file"
        );
        let restored = Store::open(&options(copy, n, true)).unwrap();
        restored.reconcile(NOW_US).unwrap();
        restored.integrity_check().unwrap();
        assert_eq!(restored.list_users().unwrap().len(), 1);
        let report = restored
            .usage(&UsageQuery {
                from_us: 0,
                to_us: i64::MAX,
                ..UsageQuery::default()
            })
            .unwrap();
        assert!(report.first().map_or(0, |row| row.calls) <= calls);
    }
    assert!(matches!(
        store.backup(&copies[0]),
        Err(StoreError::AlreadyExists { what: "file", .. })
    ));
}
