using System.Net.Sockets;
using System.Runtime.InteropServices;
using Dumont.Snapshots;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Agent.Flush;

/// <summary>Hands an open descriptor from one process to another over a Unix socket.</summary>
internal static unsafe class DescriptorSocket
{
    private const int SocketLevel = 1;
    private const int Rights = 1;
    private const int CloseOnExec = 0x40000000;
    private const int NoSignal = 0x4000;

    // struct cmsghdr: length usize, level i32, type i32, then the descriptor; the whole padded to eight bytes.
    private const int ControlHeaderBytes = 16;
    private const int ControlBytes = 24;

    /// <summary>Sends it, with one byte that says nothing.</summary>
    /// <exception cref="PosixException">The other side is gone.</exception>
    public static void Send(Socket socket, SafeFileHandle descriptor)
    {
        var control = stackalloc byte[ControlBytes];
        *(nuint*)control = ControlHeaderBytes + sizeof(int);
        *(int*)(control + 8) = SocketLevel;
        *(int*)(control + 12) = Rights;
        *(int*)(control + 16) = (int)descriptor.DangerousGetHandle();
        byte nothing = 0;
        var part = new Part { Start = &nothing, Length = 1 };
        var message = new Message { Parts = &part, PartCount = 1, Control = control, ControlLength = ControlBytes };
        if (Native.SendMessage((int)socket.Handle, &message, NoSignal) < 0)
        {
            throw new PosixException("sendmsg", Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Receives one; null when the other side closed, or sent none.</summary>
    public static SafeFileHandle? Receive(Socket socket)
    {
        var control = stackalloc byte[ControlBytes];
        byte nothing = 0;
        var part = new Part { Start = &nothing, Length = 1 };
        var message = new Message { Parts = &part, PartCount = 1, Control = control, ControlLength = ControlBytes };
        var received = Native.ReceiveMessage((int)socket.Handle, &message, CloseOnExec);
        return received == 1 && message.ControlLength >= ControlHeaderBytes + sizeof(int) && *(int*)(control + 8) == SocketLevel && *(int*)(control + 12) == Rights
            ? new SafeFileHandle(*(int*)(control + 16), ownsHandle: true)
            : null;
    }

    // struct iovec.
    [StructLayout(LayoutKind.Sequential)]
    private struct Part
    {
        public byte* Start;
        public nuint Length;
    }

    /// <summary><c>struct msghdr</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public byte* Name;
        public uint NameLength;
        public Part* Parts;
        public nuint PartCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
