use proptest::prelude::*;

use super::*;
use crate::message::MessageHeader;
use crate::structure::{Representation, Usage};
use crate::xml::v3_0::structure::write;

fn header() -> MessageHeader {
    MessageHeader {
        id: "T".into(),
        prepared: chrono::DateTime::UNIX_EPOCH,
        sender_id: "RCP".into(),
        sender_name: "A & B".into(),
        releases: Vec::new(),
    }
}

#[test]
fn what_is_written_reads_back_equal() {
    let structures = crate::shared::structures().unwrap();
    let read_back = read(&write(&structures, &header()).unwrap()).unwrap();
    assert_eq!(read_back, structures);
}

#[test]
fn what_2_1_has_reads_back_equal() {
    let structures = crate::shared::structures().unwrap();
    let read_back = read(&crate::xml::v2_1::structure::write(&structures, &header()).unwrap()).unwrap();
    assert_eq!(read_back.codelists, structures.codelists);
    assert_eq!(read_back.concept_schemes, structures.concept_schemes);
    assert_eq!(read_back.dataflows, structures.dataflows);
    assert_eq!(read_back.categorisations, structures.categorisations);
    assert_eq!(read_back.data_constraints, structures.data_constraints);
    let attributes = |all: &Structures| all.metadata_structures[0].metadata_structure_components.clone();
    assert_eq!(attributes(&read_back), attributes(&structures));
    assert_eq!(read_back.data_structures.len(), structures.data_structures.len());
    let visas = |all: &Structures| all.dataset_schema(&all.find_dataflow("VISAS").unwrap()).unwrap();
    assert_eq!(visas(&read_back).arrow_schema(), visas(&structures).arrow_schema());
}

/// As Eurostat's dissemination service writes its structures.
const OF_2_1: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<m:Structure xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
  xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure" xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common">
<m:Header><m:ID>DF</m:ID></m:Header><m:Structures>
<s:Dataflows><s:Dataflow id="MIGR_IMM5PRV" agencyID="ESTAT" version="1.0"><c:Name xml:lang="de">Zuwanderung</c:Name>
 <c:Name xml:lang="en">Immigration &amp; residence</c:Name>
 <s:Structure><Ref id="MIGR_IMM5PRV" agencyID="ESTAT" version="37.0" package="datastructure" class="DataStructure"/></s:Structure></s:Dataflow></s:Dataflows>
<s:Codelists><s:Codelist id="GEO" agencyID="ESTAT" version="20.0"><c:Name xml:lang="en">Geo</c:Name>
 <s:Code id="EU27_2020"><c:Name xml:lang="en">EU</c:Name></s:Code>
 <s:Code id="EL"><c:Name xml:lang="en">Greece</c:Name><s:Parent><Ref id="EU27_2020"/></s:Parent></s:Code></s:Codelist></s:Codelists>
<s:Concepts><s:ConceptScheme id="MIGR" agencyID="ESTAT" version="37.0"><c:Name>M</c:Name>
 <s:Concept id="geo"><c:Name xml:lang="en">Geo</c:Name><s:CoreRepresentation><s:Enumeration><Ref id="GEO" agencyID="ESTAT" version="20.0"/></s:Enumeration></s:CoreRepresentation></s:Concept></s:ConceptScheme></s:Concepts>
<s:DataStructures><s:DataStructure id="MIGR_IMM5PRV" agencyID="ESTAT" version="37.0"><c:Name xml:lang="en">D</c:Name><s:DataStructureComponents>
 <s:DimensionList id="DimensionDescriptor"><s:Dimension id="geo" position="1"><s:ConceptIdentity><Ref id="geo" maintainableParentID="MIGR"
  maintainableParentVersion="37.0" agencyID="ESTAT" package="conceptscheme" class="Concept"/></s:ConceptIdentity></s:Dimension>
  <s:TimeDimension id="TIME_PERIOD" position="2"><s:ConceptIdentity><URN>urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=ESTAT:MIGR(37.0).TIME_PERIOD</URN></s:ConceptIdentity>
   <s:LocalRepresentation><s:TextFormat textType="ObservationalTimePeriod"/></s:LocalRepresentation></s:TimeDimension></s:DimensionList>
 <s:AttributeList id="AttributeDescriptor"><s:Attribute assignmentStatus="Mandatory"><s:ConceptIdentity><Ref id="OBS_FLAG" maintainableParentID="MIGR"
  maintainableParentVersion="37.0" agencyID="ESTAT"/></s:ConceptIdentity><s:AttributeRelationship><s:PrimaryMeasure><Ref id="OBS_VALUE"/></s:PrimaryMeasure></s:AttributeRelationship></s:Attribute></s:AttributeList>
 <s:MeasureList id="MeasureDescriptor"><s:PrimaryMeasure id="OBS_VALUE"><s:ConceptIdentity><Ref id="OBS_VALUE" maintainableParentID="MIGR"
  agencyID="ESTAT"/></s:ConceptIdentity></s:PrimaryMeasure></s:MeasureList>
 </s:DataStructureComponents></s:DataStructure></s:DataStructures>
<s:Constraints><s:ContentConstraint id="C" agencyID="ESTAT" version="1.0" type="Actual"><c:Name xml:lang="en">C</c:Name><s:ConstraintAttachment><s:Dataflow>
 <Ref id="MIGR_IMM5PRV" agencyID="ESTAT" version="1.0" package="datastructure" class="Dataflow"/></s:Dataflow></s:ConstraintAttachment>
 <s:CubeRegion include="true"><c:KeyValue id="geo"><c:Value>EL</c:Value></c:KeyValue></s:CubeRegion></s:ContentConstraint></s:Constraints>
</m:Structures></m:Structure>"#;

#[test]
fn messages_of_2_1_are_read() {
    let all = read(OF_2_1.as_bytes()).unwrap();
    let dataflow = &all.dataflows[0];
    assert_eq!(dataflow.maintainable.names.name, "Immigration & residence");
    assert_eq!(dataflow.structure, "urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure=ESTAT:MIGR_IMM5PRV(37.0)");
    assert_eq!(all.codelists[0].codes[1].parent.as_deref(), Some("EU27_2020"));
    let components = all.data_structures[0].components();
    let ids: Vec<_> = components.iter().map(|c| (c.id, c.mandatory)).collect();
    assert_eq!(ids, [("geo", true), ("TIME_PERIOD", true), ("OBS_VALUE", false), ("OBS_FLAG", true)]);
    let concept = all.concept(components[0].concept).unwrap();
    let core = "urn:sdmx:org.sdmx.infomodel.codelist.Codelist=ESTAT:GEO(20.0)";
    assert_eq!(concept.core_representation, Some(Representation::Enumeration(core.to_owned())));
    let parts = all.data_structures[0].data_structure_components.as_ref().unwrap();
    assert_eq!(parts.attribute_list.attributes[0].usage, Usage::Mandatory);
    assert!(all.data_constraints[0].allows("geo", "EL") && !all.data_constraints[0].allows("geo", "AT"));
}

#[test]
fn hostile_messages_are_errors() {
    let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
    let laughs = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
    let entity = OF_2_1.replace("&amp;", "&nope;");
    let nameless = OF_2_1.replace("<s:Codelist id=\"GEO\"", "<s:Codelist");
    let rootless = OF_2_1.replace("m:Structure ", "m:Data ").replace("</m:Structure>", "</m:Data>");
    for (text, expected) in [
        ("", "no element"),
        ("<a>", "ends within"),
        ("<a>\n\n</b>", "not XML: line 3: "),
        ("<a/>", "the root element is `a`"),
        (&deep, "nested deeper"),
        (laughs, "document type"),
        (&entity, "not XML"),
        (&nameless, "`Codelist` has no id"),
        (&rootless, "the root element is `Data`"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

proptest! {
    #[test]
    fn any_damage_is_read_or_refused(at in 0..OF_2_1.len(), to in any::<u8>(), cut in 0..OF_2_1.len()) {
        let mut bytes = OF_2_1.as_bytes().to_vec();
        bytes[at] = to;
        let _ = read(&bytes);
        let _ = read(&bytes[..cut]);
    }

    #[test]
    fn any_names_read_back(id in "[A-Z][A-Z0-9_]{0,9}", name in "[^\\p{C}]{1,30}", tag in "[a-z]{2}") {
        let name = name.trim().to_owned();
        let names = Names::of([(tag, name)].into(), Texts::new());
        let item = Item { id: id.clone(), names: names.clone(), ..Item::default() };
        let maintainable = Maintainable { id, agency_id: "X.Y".into(), version: "1.0.0".into(), names, ..Maintainable::default() };
        let structures =
            Structures { codelists: vec![Codelist { maintainable, is_partial: None, codes: vec![item].into() }], ..Structures::default() };
        prop_assert_eq!(read(&write(&structures, &header()).unwrap()).unwrap(), structures.clone());
        let json = crate::json::v2_0::structure::write(&structures, &header()).unwrap();
        prop_assert_eq!(crate::json::v2_0::structure::read(&json).unwrap(), structures);
    }
}
