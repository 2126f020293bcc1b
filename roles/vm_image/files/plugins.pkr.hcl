# What the templates here need from Packer 1.10 on: `packer init plugins.pkr.hcl`. A file of its own, since Packer 1.6 cannot read this block.
packer {
  required_plugins {
    amazon = {
      version = ">= 1.2.0"
      source  = "github.com/hashicorp/amazon"
    }
    googlecompute = {
      version = ">= 1.1.0"
      source  = "github.com/hashicorp/googlecompute"
    }
  }
}
