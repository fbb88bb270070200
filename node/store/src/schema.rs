//! The tables, for diesel; `migrations/` makes them on both databases.

diesel::table! {
    forums (id) { id -> Text, name -> Text, joined_at -> BigInt, bundle -> Binary, }
}
diesel::table! {
    records (id) {
        id -> Text, forum -> Text, issuer -> Text, kind -> Text, position -> BigInt, audience -> Text,
        issued_at -> BigInt, received_at -> BigInt, envelope -> Binary, salt -> Nullable<Binary>,
    }
}
diesel::table! {
    leaves (forum, member, position) { forum -> Text, member -> Text, position -> BigInt, leaf -> Binary, }
}
diesel::table! {
    hashes (forum, member, position) { forum -> Text, member -> Text, position -> BigInt, hash -> Binary, }
}
diesel::table! {
    heads (forum, member) {
        forum -> Text, member -> Text, size -> BigInt, root -> Binary, checkpoint -> Text, updated_at -> BigInt,
    }
}
diesel::table! {
    evidence (forum, member, checkpoint) {
        forum -> Text, member -> Text, checkpoint -> Text, against -> Text, seen_at -> BigInt, proof -> Text,
    }
}
diesel::table! {
    releases (id) {
        id -> Text, forum -> Text, member -> Text, dataflow -> Text, title -> Text, issued_at -> BigInt,
        received_at -> BigInt, position -> BigInt, replaces -> Nullable<Text>, replaced_by -> Nullable<Text>,
        replaced_at -> Nullable<BigInt>, withdrawn_at -> Nullable<BigInt>, rows -> BigInt, bytes -> BigInt,
        period_start -> Text, period_end -> Text, audience -> Text, embargo -> Nullable<BigInt>,
        report -> Nullable<Binary>,
    }
}
diesel::table! {
    release_artefacts (release, ordinal) {
        release -> Text, ordinal -> BigInt, sha256 -> Text, bytes -> BigInt, rows -> BigInt,
    }
}
diesel::table! {
    timestamps (release) { release -> Text, token -> Binary, received_at -> BigInt, }
}
diesel::table! {
    stages (id) {
        id -> Text, forum -> Text, dataflow -> Text, title -> Text, source -> Text, state -> Text,
        created_at -> BigInt, updated_at -> BigInt, intent -> Binary, operators -> Binary, report -> Binary,
        accepted -> Binary,
    }
}
diesel::table! {
    peers (forum, member) { forum -> Text, member -> Text, last_seen -> BigInt, }
}
diesel::table! {
    refusals (id) { id -> BigInt, forum -> Text, peer -> Text, what -> Text, reason -> Text, at -> BigInt, }
}
diesel::table! {
    decisions (id) {
        id -> BigInt, at -> BigInt, subject -> Text, action -> Text, resource -> Text, allowed -> Bool, policy -> Text,
        purpose -> Text, count -> BigInt,
    }
}
diesel::table! {
    privacy_spending (id) {
        id -> BigInt, forum -> Text, dataflow -> Text, stage -> Text, epsilon_micro -> BigInt, at -> BigInt,
    }
}
diesel::table! {
    cosignatures (forum, member, witness) {
        forum -> Text, member -> Text, witness -> Text, size -> BigInt, root -> Binary, at -> BigInt, line -> Text,
    }
}
diesel::table! {
    published_heads (forum, member) {
        forum -> Text, member -> Text, size -> BigInt, root -> Binary, checkpoint -> Text, at -> BigInt,
    }
}
diesel::table! {
    witnessed (forum, member) { forum -> Text, member -> Text, size -> BigInt, root -> Binary, at -> BigInt, }
}
diesel::table! {
    settings (name) { name -> Text, value -> Text, }
}
diesel::allow_tables_to_appear_in_same_query!(releases, release_artefacts);
diesel::allow_tables_to_appear_in_same_query!(leaves, records);
