"""The surge: one SKU, far more shoppers than units, open loop over HTTP; judged by what everybody wrote down."""
