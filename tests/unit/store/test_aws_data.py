import botocore.session
import pytest
from botocore.regions import EndpointResolver

from lea_payments.store import aws_data

SERVICES = ("dynamodb", "sts", "oidc", "portal.sso")
REGIONS = (
    *("ap-southeast-1", "us-east-1", "eu-central-2", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"),
    *("ap-southeast-99", "nowhere"),
)


def _resolver(session: botocore.session.Session) -> EndpointResolver:
    endpoints, _ = session.get_component("data_loader").load_data_with_path("endpoints")
    return EndpointResolver(endpoints, uses_builtin_data=True)


@pytest.fixture(scope="module")
def complete() -> EndpointResolver:
    return _resolver(botocore.session.Session())


@pytest.fixture(scope="module")
def small() -> EndpointResolver:
    session = botocore.session.Session()
    aws_data.use(session)
    return _resolver(session)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_every_endpoint_is_the_one_of_botocore(
    complete: EndpointResolver, small: EndpointResolver, service: str, region: str
) -> None:
    assert small.construct_endpoint(service, region) == complete.construct_endpoint(service, region)


def test_the_regions_and_the_rules_are_those_of_botocore(complete: EndpointResolver, small: EndpointResolver) -> None:
    assert small.get_available_partitions() == complete.get_available_partitions()
    assert small.get_available_endpoints("dynamodb") == complete.get_available_endpoints("dynamodb")


def test_other_services_are_left_out() -> None:
    session = botocore.session.Session()
    aws_data.use(session)
    partitions = session.get_data("endpoints")["partitions"]

    assert {*partitions[0]["services"]} == {*SERVICES}


def test_all_other_files_are_those_of_botocore() -> None:
    small, complete = botocore.session.Session(), botocore.session.Session()
    aws_data.use(small)

    assert small.get_service_model("dynamodb").operation_names == complete.get_service_model("dynamodb").operation_names
    assert small.get_component("data_loader").load_data("partitions") == complete.get_data("partitions")
