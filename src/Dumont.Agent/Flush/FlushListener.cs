using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Agent.Flush;

/// <summary>One flush that a process waits in.</summary>
/// <param name="Id">The kernel's name for it.</param>
/// <param name="ThreadId">Thread that called.</param>
/// <param name="Call">One of <see cref="FlushCalls"/>.</param>
/// <param name="Argument">First argument: a descriptor, or where the memory begins.</param>
/// <param name="Length">Second argument: of the memory, in bytes.</param>
internal readonly record struct HeldFlush(ulong Id, int ThreadId, uint Call, ulong Argument, ulong Length);

/// <summary>The listening end of a <see cref="SeccompFilter"/>: receives flushes and lets them go.</summary>
internal sealed unsafe class FlushListener(SafeFileHandle handle) : IDisposable
{
    private const uint ReceiveRequest = 0xc0502100;
    private const uint SendRequest = 0xc0182101;
    private const uint IdIsValidRequest = 0x40082102;
    private const uint GoOn = 1;

    /// <summary>Waits for the next flush.</summary>
    /// <param name="timeoutMilliseconds">How long at most.</param>
    /// <param name="ended">Set when no process is left that could flush.</param>
    /// <returns>Null when there was none.</returns>
    public HeldFlush? Receive(int timeoutMilliseconds, out bool ended)
    {
        ended = false;
        var poll = new Native.PollFile { File = Descriptor, Events = Native.POLLIN };
        if (Native.Poll(&poll, 1, timeoutMilliseconds) <= 0)
        {
            return null;
        }

        if ((poll.Returned & Native.POLLIN) == 0)
        {
            ended = true;
            return null;
        }

        // struct seccomp_notif must come in empty.
        var received = default(Notification);
        if (Native.IoControl(Descriptor, ReceiveRequest, &received) < 0)
        {
            // ENOENT: who called was killed between the poll and this.
            return null;
        }

        return new HeldFlush(received.Id, (int)received.ProcessId, (uint)received.Number, received.Argument0, received.Argument1);
    }

    /// <summary>Whether the caller still waits; if not, its number may be another process's by now.</summary>
    public bool IsHeld(HeldFlush flush)
    {
        var id = flush.Id;
        return Native.IoControl(Descriptor, IdIsValidRequest, &id) == 0;
    }

    /// <summary>Lets the call go on to the kernel, which does what it always does. A caller that is gone is none to answer.</summary>
    public void LetGo(HeldFlush flush)
    {
        var answer = new Answer { Id = flush.Id, Flags = GoOn };
        _ = Native.IoControl(Descriptor, SendRequest, &answer);
    }

    /// <inheritdoc />
    public void Dispose() => handle.Dispose();

    private int Descriptor => (int)handle.DangerousGetHandle();

    // struct seccomp_notif.
    [StructLayout(LayoutKind.Sequential)]
    private struct Notification
    {
        public ulong Id;
        public uint ProcessId;
        public uint Flags;
        public int Number;
        public uint Architecture;
        public ulong Instruction;
        public ulong Argument0;
        public ulong Argument1;
        public ulong Argument2;
        public ulong Argument3;
        public ulong Argument4;
        public ulong Argument5;
    }

    // struct seccomp_notif_resp.
    [StructLayout(LayoutKind.Sequential)]
    private struct Answer
    {
        public ulong Id;
        public long Value;
        public int Error;
        public uint Flags;
    }
}
