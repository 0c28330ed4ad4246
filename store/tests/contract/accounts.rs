//! Users, tokens, provider keys, and the changes that tell of them.

use crate::kit::{Home, NOW_US};
use weir_store::{
    Change, ChangeKind, MasterKey, NewToken, NewUser, Sealer, Store, StoreError, StoredLimits,
    User, parse_token,
};

fn new_user(store: &Store, name: &str) -> User {
    store
        .create_user(
            NewUser {
                name: name.to_owned(),
                admin: false,
            },
            NOW_US,
        )
        .expect("a new user")
}

fn new_token(user: &User) -> NewToken {
    NewToken {
        user_id: user.id.clone(),
        name: "laptop".to_owned(),
        limits: StoredLimits {
            requests_per_minute: Some(60),
            concurrent: None,
        },
        models: vec!["gpt-4o*".to_owned(), "demo/\"quoted\"".to_owned()],
        expires_at_us: Some(NOW_US + 1),
    }
}

fn sealer(byte: u8) -> Sealer {
    Sealer::new(MasterKey::from_bytes([byte; 32]))
}

#[test]
fn users_are_made_listed_found_and_changed() {
    let home = Home::new();
    let store = home.serve(1);
    let ada = store
        .create_user(
            NewUser {
                name: "Ada".to_owned(),
                admin: true,
            },
            NOW_US,
        )
        .unwrap();
    let bob = new_user(&store, "Bob; DROP TABLE users --");
    assert_eq!(store.list_users().unwrap(), [ada.clone(), bob.clone()]);
    assert_eq!(store.find_user_by_name("Ada").unwrap(), Some(ada));
    assert_eq!(store.find_user_by_name("ada").unwrap(), None);

    store.set_user_disabled(&bob.name, true, NOW_US).unwrap();
    let limits = StoredLimits {
        requests_per_minute: None,
        concurrent: Some(3),
    };
    store.set_user_limits(&bob.name, limits, NOW_US).unwrap();
    let changed = User {
        disabled: true,
        limits,
        ..bob
    };
    assert_eq!(
        store.find_user_by_name(&changed.name).unwrap(),
        Some(changed)
    );
}

#[test]
fn a_user_name_is_valid_and_taken_once() {
    let home = Home::new();
    let store = home.serve(1);
    new_user(&store, "Ada");
    let again = store.create_user(
        NewUser {
            name: "Ada".to_owned(),
            admin: false,
        },
        NOW_US,
    );
    assert!(matches!(
        again,
        Err(StoreError::AlreadyExists { what: "user", .. })
    ));
    let invalid = store.create_user(
        NewUser {
            name: "a\u{1b}[31m".to_owned(),
            admin: false,
        },
        NOW_US,
    );
    assert!(matches!(invalid, Err(StoreError::InvalidName(_))));
    let unknown = store.set_user_disabled("Bob", true, NOW_US);
    assert!(matches!(
        unknown,
        Err(StoreError::NotFound { what: "user", .. })
    ));
}

#[test]
fn a_token_is_found_by_its_public_id_and_matches_its_text_alone() {
    let home = Home::new();
    let store = home.serve(1);
    let user = new_user(&store, "Ada");
    let (minted, secret) = store.mint_token(new_token(&user), NOW_US).unwrap();
    let text = secret.expose();
    assert_eq!(parse_token(text).unwrap().public_id, minted.public_id);

    let found = store.find_token(&minted.public_id).unwrap().unwrap();
    assert!(found.matches(text));
    assert_eq!(
        (&*found.user, found.name.as_str(), found.limits),
        (&user, "laptop", new_token(&user).limits)
    );
    assert_eq!(found.models, new_token(&user).models);
    assert!(!found.revoked && !found.is_expired(NOW_US) && found.is_expired(NOW_US + 1));
    for (at, _) in text.char_indices() {
        let mut other = text.to_owned();
        other.replace_range(
            at..=at,
            if text[at..].starts_with('a') {
                "b"
            } else {
                "a"
            },
        );
        assert!(!found.matches(&other), "changed at {at}");
    }
    assert!(store.find_token("aaaaaaaaaaaaaaaa").unwrap().is_none());
}

#[test]
fn the_text_of_a_token_is_not_in_the_database() {
    let home = Home::new();
    let store = home.serve(1);
    let (_, secret) = store
        .mint_token(new_token(&new_user(&store, "Ada")), NOW_US)
        .unwrap();
    let key = "sk-provider-0123456789abcdef";
    let user = store.find_user_by_name("Ada").unwrap().unwrap();
    store
        .set_provider_key(&user.id, "openai", "mine", key, &sealer(1), NOW_US)
        .unwrap();
    store.close();
    let bytes = std::fs::read(home.database()).unwrap();
    for needle in [
        parse_token(secret.expose()).unwrap().secret,
        key,
        &key[..20],
    ] {
        assert!(
            !bytes
                .windows(needle.len())
                .any(|window| window == needle.as_bytes())
        );
    }
}

#[test]
fn tokens_are_listed_revoked_and_rotated() {
    let home = Home::new();
    let store = home.serve(1);
    let (ada, bob) = (new_user(&store, "Ada"), new_user(&store, "Bob"));
    let (first, first_secret) = store.mint_token(new_token(&ada), NOW_US).unwrap();
    store.mint_token(new_token(&bob), NOW_US + 1).unwrap();

    let (second, second_secret) = store.rotate_token(&first.public_id, NOW_US + 2).unwrap();
    let of_ada = store.list_tokens(Some(&ada.id)).unwrap();
    let states: Vec<_> = of_ada
        .iter()
        .map(|token| (token.public_id.as_str(), token.revoked))
        .collect();
    assert_eq!(
        states,
        [
            (first.public_id.as_str(), true),
            (second.public_id.as_str(), false)
        ]
    );
    assert!(of_ada[0].matches(first_secret.expose()) && of_ada[1].matches(second_secret.expose()));
    assert_eq!(
        (&second.models, second.limits),
        (&first.models, first.limits)
    );
    assert_eq!(store.list_tokens(None).unwrap().len(), 3);

    assert!(matches!(
        store.rotate_token(&first.public_id, NOW_US),
        Err(StoreError::Revoked(_))
    ));
    store.revoke_token(&second.public_id, NOW_US).unwrap();
    store.revoke_token(&second.public_id, NOW_US).unwrap();
    assert!(
        store
            .find_token(&second.public_id)
            .unwrap()
            .unwrap()
            .revoked
    );
    assert!(matches!(
        store.revoke_token("unknown", NOW_US),
        Err(StoreError::NotFound { .. })
    ));
}

#[test]
fn a_token_needs_an_owner_and_valid_names() {
    let home = Home::new();
    let store = home.serve(1);
    let user = new_user(&store, "Ada");
    let orphan = NewToken {
        user_id: "nobody".to_owned(),
        ..new_token(&user)
    };
    assert!(matches!(
        store.mint_token(orphan, NOW_US),
        Err(StoreError::NotFound { what: "user", .. })
    ));
    let unnamed = NewToken {
        name: String::new(),
        ..new_token(&user)
    };
    assert!(matches!(
        store.mint_token(unnamed, NOW_US),
        Err(StoreError::InvalidName(_))
    ));
    let pattern = NewToken {
        models: vec!["a\nb".to_owned()],
        ..new_token(&user)
    };
    assert!(matches!(
        store.mint_token(pattern, NOW_US),
        Err(StoreError::InvalidName(_))
    ));
}

#[test]
fn an_imported_token_keeps_its_text_and_its_fate() {
    let home = Home::new();
    let store = home.serve(1);
    let user = new_user(&store, "Ada");
    let text = format!("sk-weir-{}-{}", "a".repeat(16), "B".repeat(43));
    let first = store.import_token(&text, new_token(&user), NOW_US).unwrap();
    assert!(first.matches(&text));
    store.revoke_token(&first.public_id, NOW_US).unwrap();
    assert!(
        store
            .import_token(&text, new_token(&user), NOW_US)
            .unwrap()
            .revoked,
        "it is not revived"
    );

    let impostor = format!("sk-weir-{}-{}", "a".repeat(16), "C".repeat(43));
    let refused = store.import_token(&impostor, new_token(&user), NOW_US);
    assert!(matches!(
        refused,
        Err(StoreError::AlreadyExists { what: "token", .. })
    ));
    assert!(matches!(
        store.import_token("secret", new_token(&user), NOW_US),
        Err(StoreError::InvalidToken)
    ));
}

#[tokio::test]
async fn the_store_is_read_from_async_code() {
    let home = Home::new();
    let store = home.serve(1);
    let user = store
        .run_blocking(|store| Ok(new_user(store, "Ada")))
        .await
        .unwrap();
    let (token, _) = store
        .run_blocking(move |store| store.mint_token(new_token(&user), NOW_US))
        .await
        .unwrap();
    assert!(
        store
            .find_token_async(token.public_id)
            .await
            .unwrap()
            .is_some()
    );
}

#[test]
fn the_first_start_makes_one_admin_however_many_start() {
    let home = Home::new();
    let stores = [home.serve(1), home.command(2), home.command(3)];
    let made: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = stores
            .iter()
            .map(|store| scope.spawn(|| store.bootstrap_admin(None, NOW_US).unwrap()))
            .collect();
        starts
            .into_iter()
            .filter_map(|start| start.join().unwrap())
            .collect()
    });
    let [(user, token, secret)] = made.as_slice() else {
        panic!("{} admins were made", made.len())
    };
    assert!(user.admin && token.matches(secret.expose()));
    assert_eq!(stores[0].list_users().unwrap().len(), 1);
    assert!(
        stores[0]
            .find_token(&token.public_id)
            .unwrap()
            .unwrap()
            .user
            .admin
    );
}

#[test]
fn the_first_token_may_be_chosen_and_nothing_is_made_of_a_bad_one() {
    let home = Home::new();
    let store = home.serve(1);
    assert!(matches!(
        store.bootstrap_admin(Some("hunter2"), NOW_US),
        Err(StoreError::InvalidToken)
    ));
    assert!(store.list_users().unwrap().is_empty());
    let text = format!("sk-weir-{}-{}", "b".repeat(16), "D".repeat(43));
    let (_, token, secret) = store.bootstrap_admin(Some(&text), NOW_US).unwrap().unwrap();
    assert_eq!(secret.expose(), text);
    assert!(token.matches(&text));
}

#[test]
fn provider_keys_are_sealed_replaced_and_removed() {
    let home = Home::new();
    let store = home.serve(1);
    let user = new_user(&store, "Ada");
    let sealer = sealer(1);
    let set = |label: &str, key: &str| {
        store
            .set_provider_key(&user.id, "openai", label, key, &sealer, NOW_US)
            .unwrap()
    };
    let first = set("mine", "sk-first-0123456789");
    let second = set("mine", "sk-second-9876543210");
    set("short", "1234");
    assert_eq!((&second.id, second.hint.as_str()), (&first.id, "3210"));
    let listed = store.list_provider_keys(Some(&user.id)).unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|key| key.hint.as_str())
            .collect::<Vec<_>>(),
        ["3210", ""]
    );

    let open = store.open_provider_keys(&user.id, &sealer).unwrap();
    let secrets: Vec<_> = open.iter().map(|key| key.secret.expose()).collect();
    assert_eq!(secrets, ["sk-second-9876543210", "1234"]);
    store.remove_provider_key(&second.id, NOW_US).unwrap();
    assert_eq!(store.list_provider_keys(None).unwrap().len(), 1);
    assert!(matches!(
        store.remove_provider_key(&second.id, NOW_US),
        Err(StoreError::NotFound { .. })
    ));
    let orphan = store.set_provider_key("nobody", "openai", "mine", "key", &sealer, NOW_US);
    assert!(matches!(
        orphan,
        Err(StoreError::NotFound { what: "user", .. })
    ));
}

#[test]
fn a_wrong_master_key_is_refused_with_both_fingerprints() {
    let home = Home::new();
    let store = home.serve(1);
    let user = new_user(&store, "Ada");
    let (right, wrong) = (sealer(1), sealer(2));
    store
        .check_master_key(&wrong)
        .expect("nothing is sealed yet");
    store
        .set_provider_key(
            &user.id,
            "openai",
            "mine",
            "sk-0123456789abcdef",
            &right,
            NOW_US,
        )
        .unwrap();
    store.check_master_key(&right).unwrap();
    for refusal in [
        store.check_master_key(&wrong).unwrap_err(),
        store
            .open_provider_keys(&user.id, &wrong)
            .err()
            .expect("it does not open"),
    ] {
        let message = refusal.to_string();
        assert!(
            message.contains(right.fingerprint()) && message.contains(wrong.fingerprint()),
            "{message}"
        );
    }
}

#[test]
fn every_write_is_a_change_that_others_see() {
    let home = Home::new();
    let (store, other) = (home.serve(1), home.command(2));
    assert_eq!(other.latest_change().unwrap(), 0);
    let user = new_user(&store, "Ada");
    let (token, _) = store.mint_token(new_token(&user), NOW_US).unwrap();
    let key = store
        .set_provider_key(&user.id, "openai", "mine", "key", &sealer(1), NOW_US)
        .unwrap();
    store.revoke_token(&token.public_id, NOW_US).unwrap();
    store.remove_provider_key(&key.id, NOW_US).unwrap();
    store.set_user_disabled("Ada", true, NOW_US).unwrap();

    let change = |seq, kind, key: &str| Change {
        seq,
        kind,
        key: key.to_owned(),
    };
    let expected = [
        change(1, ChangeKind::User, &user.id),
        change(2, ChangeKind::Token, &token.public_id),
        change(3, ChangeKind::ProviderKey, &user.id),
        change(4, ChangeKind::Token, &token.public_id),
        change(5, ChangeKind::ProviderKey, &user.id),
        change(6, ChangeKind::User, &user.id),
    ];
    assert_eq!(other.changes_since(0, 100).unwrap(), expected);
    assert_eq!(other.changes_since(3, 2).unwrap(), expected[3..5]);
    assert_eq!(other.latest_change().unwrap(), 6);
}

#[test]
fn a_failed_write_leaves_no_trace() {
    let home = Home::new();
    let store = home.serve(1);
    new_user(&store, "Ada");
    store
        .create_user(
            NewUser {
                name: "Ada".to_owned(),
                admin: true,
            },
            NOW_US,
        )
        .unwrap_err();
    assert_eq!(store.latest_change().unwrap(), 1);
    assert_eq!(store.list_users().unwrap().len(), 1);
}

#[test]
fn the_last_ten_thousand_changes_are_kept() {
    let home = Home::new();
    let store = home.serve(1);
    new_user(&store, "Ada");
    for _ in 0..10_001 {
        store.set_user_disabled("Ada", false, NOW_US).unwrap();
    }
    let kept = store.changes_since(0, usize::MAX).unwrap();
    assert_eq!(
        (kept.len(), kept[0].seq, store.latest_change().unwrap()),
        (10_000, 3, 10_002)
    );
}

#[test]
fn a_closed_store_says_so() {
    let home = Home::new();
    let store = home.serve(1);
    store.close();
    store.close();
    assert!(matches!(store.list_users(), Err(StoreError::Closed)));
    let write = store.create_user(
        NewUser {
            name: "Ada".to_owned(),
            admin: false,
        },
        NOW_US,
    );
    assert!(matches!(write, Err(StoreError::Closed)));
}
