"""Defines the settings of the pages."""

from pydantic import Field

from lea_payments.brand import BrandSettings
from lea_payments.return_urls import ReturnUrlOrigins
from lea_payments.settings import Port, TableSettings


class PagesSettings(BrandSettings, TableSettings):
    """The settings of the success and cancel pages."""

    port: Port = Field(8085, validation_alias="PORT", description="port that the service listens on")
    return_url_origins: ReturnUrlOrigins = ()
