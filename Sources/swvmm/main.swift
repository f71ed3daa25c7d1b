print("swvmm")
