# `terraform plan`, and `apply` without a saved plan, stop before anything is changed while the gate denies, or while
# nothing is known. The gate is asked when the plan is made: keep no plan for later.
terraform {
  required_version = ">= 1.5"
  required_providers {
    http = {
      source  = "hashicorp/http"
      version = ">= 3.4"
    }
  }
}

variable "sloburn_url" {
  type    = string
  default = "http://sloburn.sloburn.svc:9720"
}

variable "service" {
  type = string
}

variable "environment" {
  type    = string
  default = "prod"
}

data "http" "error_budget" {
  url = "${var.sloburn_url}/api/v1/gate?service=${urlencode(var.service)}&environment=${urlencode(var.environment)}&change=infrastructure&caller=terraform"

  retry {
    attempts = 2
  }

  lifecycle {
    postcondition {
      condition     = self.status_code == 200 && contains(["allow", "warn"], jsondecode(self.response_body).data.decision)
      error_message = "The error budget of ${var.service} does not allow this change: ${self.response_body}"
    }
  }
}

# What is to wait for the gate depends on it: `depends_on = [data.http.error_budget]`.
