using Dumont.Contracts;

namespace Dumont.Agent.Tests;

public sealed class OrderStoreTests
{
    private static readonly AgentOrder Order = new(
        7, AgentRole.Writer, "/workspace", new AgentSyncTarget("host", 22, SshKeyHost, new MachineId(3)), Drain: true, ["key"]);

    private const string SshKeyHost = Machine.SshKeyTests.Ed25519;

    [Fact]
    public void Save_ThenFind_IsTheSame()
    {
        using var folder = new TempFolder();
        var store = new OrderStore(folder.Path, TestAgent.Log);

        Assert.Null(store.Find());
        store.Save(Order);
        var found = new OrderStore(folder.Path, TestAgent.Log).Find();

        Assert.Equal(Order with { AuthorizedKeys = [] }, found! with { AuthorizedKeys = [] });
        Assert.Equal(Order.AuthorizedKeys, found.AuthorizedKeys);
    }

    [Fact]
    public void Find_FileCutAtAnyLength_IsNone()
    {
        using var folder = new TempFolder();
        var store = new OrderStore(folder.Path, TestAgent.Log);
        store.Save(Order);
        var bytes = File.ReadAllBytes(folder.File("order"));
        for (var length = 0; length < bytes.Length; length++)
        {
            File.WriteAllBytes(folder.File("order"), bytes[..length]);

            Assert.Null(store.Find());
        }
    }

    [Fact]
    public void Find_AnyByteChanged_IsNoneOrTheSame()
    {
        using var folder = new TempFolder();
        var store = new OrderStore(folder.Path, TestAgent.Log);
        store.Save(Order);
        var bytes = File.ReadAllBytes(folder.File("order"));
        for (var position = 0; position < bytes.Length; position++)
        {
            var damaged = (byte[])bytes.Clone();
            damaged[position] ^= 1;
            File.WriteAllBytes(folder.File("order"), damaged);

            // The line feed between the two parts carries nothing.
            Assert.True(store.Find() is null or { Generation: 7 }, $"byte {position}");
        }
    }
}
