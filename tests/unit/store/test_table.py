from collections.abc import Mapping
from typing import Any

import pytest

from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store import table

LOCAL = TableSettings.model_validate({"DDB_ENDPOINT": "http://localhost:1", "DYNAMODB_PAYMENTS_TABLE": "payments"})
AWS = TableSettings.model_validate({"DDB_ENDPOINT": "", "DYNAMODB_PAYMENTS_TABLE": "payments"})


@pytest.mark.parametrize(("settings", "protected"), [(LOCAL, False), (AWS, True)], ids=["local", "aws"])
def test_only_a_table_on_aws_is_protected_from_deletion(settings: TableSettings, *, protected: bool) -> None:
    definition = table.definition(settings)

    assert (definition["TableName"], definition["DeletionProtectionEnabled"]) == ("payments", protected)


def test_every_key_of_the_table_is_defined_once() -> None:
    definition = table.definition(LOCAL)
    schemas = [definition["KeySchema"], *(index["KeySchema"] for index in definition["GlobalSecondaryIndexes"])]

    assert definition["AttributeDefinitions"] == [
        {"AttributeName": key["AttributeName"], "AttributeType": "N" if key["AttributeName"] == "notify_at" else "S"}
        for schema in schemas
        for key in schema
    ]


@pytest.mark.parametrize(("settings", "streams"), [(LOCAL, False), (AWS, True)], ids=["local", "aws"])
def test_only_a_table_on_aws_has_a_stream(settings: TableSettings, *, streams: bool) -> None:
    assert ("StreamSpecification" in table.definition(settings)) is streams


@pytest.mark.parametrize("index", table.PUBLISHED_INDEXES, ids=lambda index: str(index["IndexName"]))
def test_a_published_index_has_every_published_field(index: Mapping[str, Any]) -> None:
    key = index["KeySchema"][0]["AttributeName"]

    assert {table.KEY, key, *index["Projection"]["NonKeyAttributes"]} == {*table.PUBLISHED_FIELDS}


def test_every_published_field_is_a_field_of_a_record() -> None:
    assert {*table.PUBLISHED_FIELDS} <= {*Payment.__struct_fields__}
