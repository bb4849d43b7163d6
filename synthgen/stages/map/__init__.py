"""map: fields of a row made from its other fields."""
