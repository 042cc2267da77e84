locals {
  deny_insecure_transport = {
    Sid       = "DenyInsecureTransport"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }

  # Both keys in one Null: the Deny is for a write that has neither condition. The parts of a
  # multipart upload cannot have one; s3:ObjectCreationOperation is false for them, and true for the
  # request that completes it.
  deny_unconditional_writes = {
    Sid       = "DenyUnconditionalWrites"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:PutObject"
    Resource  = local.objects_arn
    Condition = merge(
      {
        Null = { "s3:if-match" = "true", "s3:if-none-match" = "true" }
        Bool = { "s3:ObjectCreationOperation" = "true" }
      },
      length(var.unconditional_write_principals) == 0 ? {} : {
        ArnNotLike = { "aws:PrincipalArn" = var.unconditional_write_principals }
      },
    )
  }

  deny_unconditional_deletes = {
    Sid       = "DenyUnconditionalDeletes"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:DeleteObject"
    Resource  = local.objects_arn
    Condition = { Null = { "s3:if-match" = "true" } }
  }

  bucket_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.deny_insecure_transport],
      [for statement in [local.deny_unconditional_writes] : statement if var.require_conditional_writes],
      [for statement in [local.deny_unconditional_deletes] : statement if var.require_conditional_deletes],
    )
  })
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = local.bucket_policy

  # S3 takes one change of a bucket's access at a time.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
