DROP TABLE privacy_spending;
