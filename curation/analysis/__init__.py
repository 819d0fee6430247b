"""What people look at: computed from kept results, drawn by pages, free of widgets."""
