"""Tests an installed release from inside its cluster, for `helm test`."""
