provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id

  # Written out, since each is named by what is made before it.
  function_arn = "arn:${local.partition}:lambda:${var.region}:${local.account_id}:function:${var.function_name}"
  wake_up_name = "${var.function_name}-wake-up"
}

module "checkpoints" {
  source = "../../modules/aws-checkpoint-bucket"

  bucket_name = var.bucket_name
  role_members = {
    runner   = [aws_iam_role.function.name]
    operator = var.operators
  }
}

resource "aws_lambda_function" "this" {
  function_name = var.function_name
  role          = aws_iam_role.function.arn

  runtime          = "python3.13"
  architectures    = ["x86_64"] # as the packages are that the README puts in
  handler          = "examples.aws_lambda.handler.handle"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  timeout          = var.timeout_s
  memory_size      = 512 # with less, a cold start takes longer

  # What the program reads, see examples/aws_lambda/handler.py.
  environment {
    variables = {
      BUCKETPOINT_URL  = module.checkpoints.store_url
      WAKE_UP_ROLE_ARN = aws_iam_role.wake_up.arn
    }
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.function]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.function_name}"
  retention_in_days = 30
}

# What failed three times lies here, to be sent again once the cause is mended.
resource "aws_sqs_queue" "failed" {
  name                      = "${var.function_name}-failed"
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name          = aws_lambda_function.this.function_name
  maximum_retry_attempts = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }
}

# --- what the function may do: the module lets it use the bucket ---

resource "aws_iam_role" "function" {
  name = var.function_name

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name = "wake-up-and-log"
  role = aws_iam_role.function.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ArrangeWakeUps"
        Effect   = "Allow"
        Action   = "scheduler:CreateSchedule"
        Resource = "arn:${local.partition}:scheduler:${var.region}:${local.account_id}:schedule/default/*"
      },
      {
        Sid       = "LetTheSchedulerInvoke"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = aws_iam_role.wake_up.arn
        Condition = { StringEquals = { "iam:PassedToService" = "scheduler.amazonaws.com" } }
      },
      {
        Sid      = "TellWhatFailed"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.failed.arn
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*"
      },
    ]
  })
}

# --- the schedules: one for each wait, made by the program, under this role ---

resource "aws_iam_role" "wake_up" {
  name = local.wake_up_name

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "wake_up" {
  name = "invoke"
  role = aws_iam_role.wake_up.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Invoke"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = [local.function_arn, "${local.function_arn}:*"] # versions and aliases, too
    }]
  })
}
