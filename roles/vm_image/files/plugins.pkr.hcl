# What linux.pkr.hcl and linux.json need from Packer 1.10 on: `packer init plugins.pkr.hcl`. A file of its own, since Packer 1.6 cannot read this block.
packer {
  required_plugins {
    amazon = {
      version = ">= 1.2.0"
      source  = "github.com/hashicorp/amazon"
    }
  }
}
