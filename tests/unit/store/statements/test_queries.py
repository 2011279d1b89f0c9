from lea_payments.store.statements import queries


def test_a_query_asks_an_index_for_one_value() -> None:
    query = queries.by_field("payments", "user_id-index", "user_id", "user_1")

    assert query["KeyConditionExpression"] == "user_id = :value"
    assert query["ExpressionAttributeValues"] == {":value": {"S": "user_1"}}
    assert "ExclusiveStartKey" not in query


def test_a_query_goes_on_after_a_payment() -> None:
    query = queries.by_field("payments", "user_id-index", "user_id", "user_1", after="payment_1")

    assert query["ExclusiveStartKey"] == {"payment_intent_id": {"S": "payment_1"}, "user_id": {"S": "user_1"}}
