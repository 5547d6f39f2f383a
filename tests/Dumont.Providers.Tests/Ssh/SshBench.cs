using Dumont.Providers.Ssh;

namespace Dumont.Providers.Tests.Ssh;

/// <summary>Links to an own computer of a test.</summary>
internal static class SshBench
{
    public const long Id = 7;

    public const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    public static OwnMachineAddress Address(OwnComputer computer) =>
        new(computer.Host, computer.Port, "root", computer.HostKey, computer.Folder, computer.InstancePort);

    public static OwnMachineLink Link(OwnComputer computer, OwnMachineAddress? address = null) =>
        new(address ?? Address(computer), new Secret(computer.PrivateKey), Path.GetTempPath(), TimeProvider.System);

    public static SshProvider Provider(OwnComputer computer, OwnMachineAddress? address = null) =>
        new(Link(computer, address), address ?? Address(computer), new SshOptions(Id));

    public static CreateMachineRequest Request(string tag) => new()
    {
        OfferId = SshOffers.OfferIdOf(Id),
        Tag = tag,
        DiskGb = 1,
        AuthorizedKeys = [Key],
    };
}
