using System.Runtime.InteropServices;
using Dumont.Snapshots;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Agent.Flush;

/// <summary>
/// Makes the kernel ask before a flush: a filter on the calling thread, and on everything that it becomes or begets, which holds
/// <c>fsync</c>, <c>fdatasync</c>, <c>sync</c>, <c>syncfs</c> and <c>msync(MS_SYNC)</c> until whoever listens has answered.
/// Every other call passes unseen.
/// </summary>
internal static unsafe class SeccompFilter
{
    private const uint AllowCall = 0x7fff0000;
    private const uint AskListener = 0x7fc00000;
    private const uint X64 = 0xc000003e;
    private const uint X32Bit = 0x40000000;

    private const uint SetModeFilter = 1;

    // A filter that asks is no sandbox: without this, kernels before 5.16 run everything under it with the store bypass of the processor switched off.
    private const uint KeepSpeculation = 1 << 2;
    private const uint NewListener = 1 << 3;

    // A flush that is being waited for goes on waiting when a signal comes that does not kill.
    private const uint WaitKillable = 1 << 5;

    private const int SetNoNewPrivileges = 38;
    private const ushort Load = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort JumpIfBits = 0x45;
    private const ushort Return = 0x06;

    // struct seccomp_data: number u32, architecture u32, instruction u64, six arguments u64.
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;
    private const uint ThirdArgumentOffset = 32;

    /// <summary>Installs it for this thread.</summary>
    /// <returns>What <see cref="FlushListener"/> listens at.</returns>
    /// <exception cref="PosixException">The kernel has no such filters, is older than 5.5, or somebody listens already.</exception>
    public static SafeFileHandle Install()
    {
        var program = Program();
        fixed (Instruction* first = program)
        {
            var described = new FilterProgram { Length = (ushort)program.Length, First = first };
            const uint Flags = NewListener | KeepSpeculation;
            var flags = Flags | WaitKillable;
            var listener = Install(flags, &described);
            if (listener < 0 && Marshal.GetLastPInvokeError() == Native.EACCES)
            {
                // Without the right to administer the system it is given to those only who renounce set-user-id programs.
                Check("prctl", Native.Prctl(SetNoNewPrivileges, 1, 0, 0, 0));
                listener = Install(flags, &described);
            }

            if (listener < 0 && Marshal.GetLastPInvokeError() == Native.EINVAL)
            {
                // Before Linux 5.19 the call begins anew after each signal.
                listener = Install(Flags, &described);
            }

            Check("seccomp", listener);
            return new SafeFileHandle(listener, ownsHandle: true);
        }
    }

    /// <summary>The filter: what it lets through must be decided without looking at memory, which another thread may change meanwhile.</summary>
    internal static Instruction[] Program() =>
    [
        new(Load, 0, 0, ArchitectureOffset),
        new(JumpIfEqual, 0, 10, X64),
        new(Load, 0, 0, NumberOffset),
        new(JumpIfBits, 8, 0, X32Bit),
        new(JumpIfEqual, 6, 0, FlushCalls.FSync),
        new(JumpIfEqual, 5, 0, FlushCalls.FDataSync),
        new(JumpIfEqual, 4, 0, FlushCalls.Sync),
        new(JumpIfEqual, 3, 0, FlushCalls.SyncFs),
        new(JumpIfEqual, 0, 3, FlushCalls.MSync),
        new(Load, 0, 0, ThirdArgumentOffset),
        new(JumpIfBits, 0, 1, FlushCalls.MSyncWaits),
        new(Return, 0, 0, AskListener),
        new(Return, 0, 0, AllowCall),
    ];

    private static nint Install(nuint flags, FilterProgram* program) => Native.Seccomp(Native.SeccompNumber, SetModeFilter, flags, program);

    private static void Check(string call, nint result)
    {
        if (result < 0)
        {
            throw new PosixException(call, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary><c>struct sock_filter</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Instruction(ushort Code, byte IfTrue, byte IfFalse, uint Value);

    /// <summary><c>struct sock_fprog</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        public ushort Length;
        public Instruction* First;
    }
}

/// <summary>The calls that are held, by their numbers on x86-64.</summary>
internal static class FlushCalls
{
    public const uint FSync = 74;
    public const uint FDataSync = 75;
    public const uint Sync = 162;
    public const uint SyncFs = 306;
    public const uint MSync = 26;

    /// <summary>MS_SYNC: without it nothing is promised.</summary>
    public const uint MSyncWaits = 4;
}
