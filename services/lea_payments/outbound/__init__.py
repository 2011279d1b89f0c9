"""Decides how calls leave the machine: which proxy they use and which certificate authorities they trust."""
