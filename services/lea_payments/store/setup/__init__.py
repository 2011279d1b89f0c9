"""Creates the table and completes it; used only by `init-table`."""
