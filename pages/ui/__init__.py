"""What the pages share: state, cached resources, forms, panels and components."""
