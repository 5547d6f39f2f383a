using System.Runtime.InteropServices;

namespace Dumont.Snapshots;

/// <summary>A system call failed. Thrown instead of a bare <see cref="IOException"/> where the caller may have to know which error it was:
/// the base library hides the result of <c>fsync</c> altogether.</summary>
/// <param name="call">What was tried, with the path where there is one.</param>
/// <param name="errno">The error number that the kernel gave.</param>
public sealed class PosixException(string call, int errno)
    : IOException($"{call}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})")
{
    /// <summary>The kernel's error number, for instance 28 for a full disk.</summary>
    public int Errno { get; } = errno;

    /// <summary>The disk or the quota is full; nothing is wrong with the data.</summary>
    public bool IsNoSpace => Errno is Libc.ENOSPC or Libc.EDQUOT;
}
