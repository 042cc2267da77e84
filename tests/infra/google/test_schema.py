"""The schema of the stand-in is what the bindings say, of all that infra/ uses."""

from __future__ import annotations

import json
import re

import pytest

from scripts.google_schema import DATA_SOURCES, RESOURCES, Module
from tests.infra.google.conftest import SCHEMA
from tests.infra.google.standin import ADDRESS
from tests.infra.terraform import INFRA

BUCKET = """\
function bucketRuleToHclTerraform(struct) {
    const attrs = {
        prefixes: {
            value: cdktn.listMapperHcl(cdktn.stringToHclTerraform, false)(struct.prefixes),
            isBlock: false,
            type: "set",
            storageClassType: "stringList",
        },
    };
}
class BucketRuleOutputReference extends cdktn.ComplexObject {
    // prefixes - computed: false, optional: false, required: true
    get prefixes() {
        return cdktn.Fn.tolist(this.getListAttribute('prefixes'));
    }
}
class Bucket extends cdktn.TerraformResource {
    // name - computed: false, optional: false, required: true
    get name() {
        return this.getStringAttribute('name');
    }
    // size - computed: true, optional: false, required: false
    get size() {
        return this.getNumberAttribute('size');
    }
    // rule - computed: false, optional: true, required: false
    _rule = new BucketRuleList(this, "rule", false);
    // SYNTHESIS
    synthesizeHclAttributes() {
        const attrs = {
            name: {
                value: cdktn.stringToHclTerraform(this._name),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            rule: {
                value: cdktn.listMapperHcl(bucketRuleToHclTerraform, true)(this._rule.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "BucketRuleList",
            },
        };
    }
}
"""
"""As the bindings are written, less what tells nothing of the schema."""


def test_names_types_and_flags_are_found_in_the_bindings() -> None:
    assert Module(BUCKET).schema()["block"] == {
        "attributes": {
            "id": {"type": "string", "optional": True, "computed": True},
            "name": {"type": "string", "required": True},
            "size": {"type": "number", "computed": True},
        },
        "block_types": {
            "rule": {
                "nesting_mode": "list",
                "block": {
                    "attributes": {"prefixes": {"type": ["set", "string"], "required": True}}
                },
            }
        },
    }


def test_a_single_block_is_told_from_many() -> None:
    script = BUCKET.replace(
        'BucketRuleList(this, "rule", false)', 'BucketRuleOutputReference(this, "rule")'
    )

    assert Module(script).schema()["block"]["block_types"]["rule"]["max_items"] == 1


def test_bindings_of_another_kind_are_refused() -> None:
    with pytest.raises(LookupError, match="as this script knows them"):
        Module(
            BUCKET.replace("synthesizeHclAttributes() {", "synthesizeHclAttributes(): {")
        ).schema()


def test_the_schema_has_what_is_used_and_no_more() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in INFRA.rglob("*.tf"))
    provider = json.loads(SCHEMA.read_text(encoding="utf-8"))["provider_schemas"][ADDRESS]

    for kind, schemas, known in (
        ("resource", "resource_schemas", RESOURCES),
        ("data", "data_source_schemas", DATA_SOURCES),
    ):
        used = set(re.findall(rf'^{kind} "(google_\w+)"', written, re.MULTILINE))
        assert set(provider[schemas]) == set(known) == used
