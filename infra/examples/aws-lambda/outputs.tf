output "failed_queue_url" {
  description = "Where the events lie that failed three times."
  value       = aws_sqs_queue.failed.url
}

output "function_name" {
  description = "The function, to be invoked asynchronously."
  value       = aws_lambda_function.this.function_name
}

output "store_url" {
  description = "What `bucketpoint.open` takes, and the command line."
  value       = module.checkpoints.store_url
}
