//! A question in Cedar's words. The only place that knows how members, releases and times become entities and values.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use chrono::DateTime;

use super::{Audience, Party, Question, Resource, Subject};

/// A request and the entities it speaks of.
pub(super) struct CedarRequest {
    pub(super) request: Request,
    pub(super) entities: Entities,
    /// The principal, and whatever it is in.
    pub(super) principals: Vec<EntityUid>,
}

/// Why a question has no Cedar form: nothing but a time out of range can be.
pub(super) type Unaskable = Box<dyn std::error::Error + Send + Sync>;

thread_local! {
    /// Names of entity types are parsed once for each thread: parsing them is dearer than a decision.
    static TYPES: HashMap<&'static str, EntityTypeName> =
        ["Role", "Audience", "Purpose", "Forum", "Member", "Operator", "Anonymous", "Release", "Action"]
            .into_iter()
            .filter_map(|name| Some((name, format!("Chancery::{name}").parse().ok()?)))
            .collect();
}

/// `Chancery::Kind::"id"`.
pub(super) fn uid(kind: &'static str, id: &str) -> Result<EntityUid, Unaskable> {
    let name = TYPES.with(|types| types.get(kind).cloned()).ok_or("an entity type has no name")?;
    Ok(EntityUid::from_type_name_and_id(name, EntityId::new(id)))
}

fn reference(kind: &'static str, id: &str) -> Result<RestrictedExpression, Unaskable> {
    Ok(RestrictedExpression::new_entity_uid(uid(kind, id)?))
}

fn time(seconds: i64) -> Result<RestrictedExpression, Unaskable> {
    let time = DateTime::from_timestamp(seconds, 0).ok_or("a time is out of range")?;
    Ok(RestrictedExpression::new_datetime(time.format("%Y-%m-%dT%H:%M:%SZ").to_string()))
}

impl CedarRequest {
    pub(super) fn new(question: &Question<'_>, schema: &Schema) -> Result<Self, Unaskable> {
        let mut entities = Vec::new();
        let principals = principals(question.subject, &question.resource.forum, &mut entities)?;
        let resource = release(question.resource, &mut entities)?;
        let mut context =
            vec![("now".to_owned(), time(question.now)?), ("embargo_now".to_owned(), time(question.embargo_now)?)];
        if let Some(purpose) = question.purpose {
            context.push(("purpose".to_owned(), reference("Purpose", purpose.as_str())?));
        }
        let principal = principals.first().cloned().ok_or("nobody asks")?;
        let action = uid("Action", question.action.as_str())?;
        let context = Context::from_pairs(context)?;
        let request = Request::new(principal, action, resource, context, Some(schema))?;
        // The entities are made here from typed values; the tests hold them against the schema.
        let entities = Entities::from_entities(entities, None)?;
        Ok(Self { request, entities, principals })
    }
}

/// The entities of whoever asks, the principal first.
fn principals(subject: &Subject, forum: &str, entities: &mut Vec<Entity>) -> Result<Vec<EntityUid>, Unaskable> {
    let role = |word| Ok::<_, Unaskable>(HashMap::from([("role".to_owned(), reference("Role", word)?)]));
    match subject {
        Subject::Anonymous => {
            let principal = uid("Anonymous", "anonymous")?;
            entities.push(Entity::new(principal.clone(), role("anonymous")?, HashSet::new())?);
            Ok(vec![principal])
        }
        Subject::Member(party) => member(party, forum, entities),
        Subject::Operator(party) => {
            let mut found = member(party, forum, entities)?;
            let principal = uid("Operator", &party.id)?;
            let parents = found.first().cloned().into_iter().collect();
            entities.push(Entity::new(principal.clone(), role("operator")?, parents)?);
            found.insert(0, principal);
            Ok(found)
        }
    }
}

fn member(party: &Party, forum: &str, entities: &mut Vec<Entity>) -> Result<Vec<EntityUid>, Unaskable> {
    let (own, forum) = (uid("Member", &party.id)?, uid("Forum", forum)?);
    let (mut found, mut attributes, mut parents) = (vec![own.clone()], HashMap::new(), HashSet::new());
    // Whoever is not in the forum has a role all the same, for the schema has it: that of anybody.
    let role = party.role.map_or("anonymous", super::Role::as_str);
    attributes.insert("role".to_owned(), reference("Role", role)?);
    if party.role.is_some() {
        parents.insert(forum.clone());
        found.push(forum);
    }
    entities.push(Entity::new(own, attributes, parents)?);
    Ok(found)
}

fn release(resource: &Resource, entities: &mut Vec<Entity>) -> Result<EntityUid, Unaskable> {
    let (audience, named) = match &resource.audience {
        Audience::Public => ("public", [].as_slice()),
        Audience::Forum => ("forum", [].as_slice()),
        Audience::Named(members) => ("members", members.as_slice()),
    };
    let named = named.iter().map(|id| reference("Member", id)).collect::<Result<Vec<_>, _>>()?;
    let mut attributes = HashMap::from([
        ("owner".to_owned(), reference("Member", &resource.owner)?),
        ("holder".to_owned(), reference("Member", &resource.holder)?),
        ("forum".to_owned(), reference("Forum", &resource.forum)?),
        ("audience".to_owned(), reference("Audience", audience)?),
        ("named".to_owned(), RestrictedExpression::new_set(named)),
        ("dataflow".to_owned(), RestrictedExpression::new_string(resource.dataflow.clone())),
    ]);
    if let Some(embargo) = resource.embargo {
        attributes.insert("embargo".to_owned(), time(embargo)?);
    }
    let uid = uid("Release", &resource.id)?;
    entities.push(Entity::new(uid.clone(), attributes, HashSet::new())?);
    Ok(uid)
}
