"""Defines the settings of the notifier."""

from pydantic import Field

from lea_payments.notifications.settings import NotifySettings
from lea_payments.settings import Port, TableSettings


class NotifierSettings(NotifySettings, TableSettings):
    """The settings of the notifier."""

    port: Port = Field(8079, validation_alias="PORT", description="port that the service listens on")
