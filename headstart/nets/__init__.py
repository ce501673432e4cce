"""Function approximators and the policies made of them."""
