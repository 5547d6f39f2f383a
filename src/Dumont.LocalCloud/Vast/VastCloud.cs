using System.Globalization;
using System.Security.Cryptography;
using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>How a rental ended.</summary>
internal abstract record RentResult
{
    private RentResult() { }

    public sealed record Rented(Contract Contract) : RentResult;

    public sealed record Refused(VastProblem Problem) : RentResult;
}

/// <summary>What an injected fault changes about a rental.</summary>
/// <param name="ExtraBootDelay">Added to the boot.</param>
/// <param name="LeavesStoppedContract">Make the contract, stopped, and refuse.</param>
/// <param name="NamesContract">Whether that refusal names the contract.</param>
internal sealed record RentTwist(TimeSpan ExtraBootDelay, bool LeavesStoppedContract, bool NamesContract)
{
    public static RentTwist None { get; } = new(TimeSpan.Zero, false, false);

    /// <summary>The price of an on-demand rental is that many times the offer's.</summary>
    public double PriceFactor { get; init; } = 1;
}

/// <summary>What a customer of Vast.ai can do with offers and contracts. Each call is complete when it returns; machines follow.</summary>
internal sealed class VastCloud(
    OfferMarket market, ContractBook book, VolumeCloud volumes, VolumeBook volumeBook, AddressBook addresses, MachineSupervisor machines, TimeProvider time)
{
    private const double BidUsdMin = 0.001;
    private const double BidUsdMaxPerGpu = 32;

    // The provider keeps what a contract that has ended left behind for about two days.
    private static readonly TimeSpan KeptAfterEnd = TimeSpan.FromHours(48);

    public RentResult Rent(long offerId, RentRequest request, RentTwist twist)
    {
        lock (book.Gate)
        {
            if (market.Find(offerId) is not { } offer)
            {
                return new RentResult.Refused(VastProblem.OfferUnknown(offerId));
            }

            if (!request.HasValidPrice)
            {
                return new RentResult.Refused(new VastProblem(400, "invalid_price", "price must be between 0.001 and 128 dollars per hour"));
            }

            if (offer.Host.DiskSpaceGb < request.DiskGb)
            {
                return new RentResult.Refused(VastProblem.InvalidArguments($"disk {request.DiskGb} GB exceeds the {offer.Host.DiskSpaceGb} GB of the offer"));
            }

            if (book.CreditMicroUsd <= 0)
            {
                return new RentResult.Refused(VastProblem.InsufficientCredit);
            }

            if (request.Volumes.Select(volume => volumes.FindProblem(offer, volume)).FirstOrDefault(problem => problem is not null) is { } noVolume)
            {
                return new RentResult.Refused(noVolume);
            }

            long? bid = request.BidUsdPerHour is { } price ? (long)Math.Round(price * 1_000_000) : null;
            var blocked = market.FindBlockers(offer, bid).Count > 0;
            if (blocked && (request.CancelUnavailable || bid is null))
            {
                return new RentResult.Refused(VastProblem.OfferTaken(offerId));
            }

            return Sign(offer, request, twist, bid, blocked || bid < offer.MinBidMicroUsdPerHour);
        }
    }

    public VastProblem? Start(long id, TimeSpan extraBootDelay) => Change(id, contract =>
    {
        if (contract is { IntendedStatus: "running", HoldsGpus: true } || contract.HostDead)
        {
            contract.IntendedStatus = contract.NextState = "running";
            return null;
        }

        if (contract.EndsAt <= time.GetUtcNow())
        {
            return VastProblem.InvalidRequest($"The contract of instance {id} has ended.");
        }

        if (book.CreditMicroUsd <= 0)
        {
            return VastProblem.InsufficientCredit;
        }

        (contract.IntendedStatus, contract.NextState, contract.Outbid) = ("running", "running", false);
        if (!TryTakeGpus(contract))
        {
            return Queued;
        }

        contract.ExtraBootDelay = extraBootDelay;
        return null;
    });

    public VastProblem? Stop(long id) => Change(id, contract =>
    {
        Halt(contract);
        return null;
    });

    public VastProblem? SetLabel(long id, string? label) => Change(id, contract =>
    {
        contract.Label = string.IsNullOrEmpty(label) ? null : label;
        return null;
    });

    /// <summary>Starts the container anew on the same GPUs; a recycled one on a fresh disk.</summary>
    public VastProblem? Reboot(long id, bool freshDisk) => Change(id, contract =>
    {
        if (!contract.WantsToRun)
        {
            return VastProblem.InvalidRequest($"Instance {id} is not running.");
        }

        WantBoot(contract, "rebooting");
        contract.FreshDisk = freshDisk;
        return null;
    });

    public VastProblem? Destroy(long id)
    {
        lock (book.Gate)
        {
            if (book.Find(id) is not { } contract)
            {
                return VastProblem.NoSuchInstance(id);
            }

            volumeBook.Leave(contract);
            book.Remove(contract);
            addresses.Release(contract.Address);
            machines.Want(contract.MachineKey, new MachineWish.Removed());
            return null;
        }
    }

    public VastProblem? AttachKey(long id, SshKey key) => Change(id, contract =>
    {
        contract.Keys.RemoveAll(known => known.Id == key.Id);
        contract.Keys.Add(key);
        return null;
    });

    public VastProblem? DetachKey(long id, long keyId) => Change(id, contract => contract.Keys.RemoveAll(key => key.Id == keyId) > 0
        ? null
        : new VastProblem(404, "no_such_ssh_key", $"ssh key {keyId} is not attached to instance {id}"));

    public VastProblem? SetLoad(long id, GpuLoad load) => Change(id, contract =>
    {
        contract.Load = load;
        return null;
    });

    /// <summary>The host dies: every contract on it goes silent at once and stays so.</summary>
    /// <returns>The machines whose processes the caller must end, or null for an unknown contract.</returns>
    public IReadOnlyList<string>? KillHost(long id)
    {
        lock (book.Gate)
        {
            if (book.Find(id) is not { } contract)
            {
                return null;
            }

            var victims = book.All.Where(other => other.Offer.Host.MachineId == contract.Offer.Host.MachineId).ToArray();
            foreach (var victim in victims)
            {
                victim.HostDead = true;
                (victim.ActualStatus, victim.StatusMessage, victim.StatusSince) = ("offline", "host is offline", time.GetUtcNow());
                book.Save(victim);
            }

            return [.. victims.Select(victim => victim.MachineKey)];
        }
    }

    /// <summary>Somebody pays more for a while: a contract on a bid loses its GPUs and gets them back after that, if they are free.</summary>
    public VastProblem? Outbid(long id, TimeSpan duration) => Change(id, contract =>
    {
        if (!contract.IsBid)
        {
            return VastProblem.InvalidRequest($"Instance {id} is on demand; only a bid can be outbid.");
        }

        Interrupt(contract);
        contract.OutbidUntil = time.GetUtcNow() + duration;
        return null;
    });

    /// <summary>Stops a contract whose host has promised its time no longer, and forgets it some days later.</summary>
    /// <returns>Whether anything changed.</returns>
    public bool EndIfDue(Contract contract)
    {
        var overdue = time.GetUtcNow() - contract.EndsAt;
        if (overdue >= KeptAfterEnd)
        {
            Destroy(contract.Id);
            return true;
        }

        if (overdue < TimeSpan.Zero || contract.HostDead || contract is { IntendedStatus: "stopped", Outbid: false })
        {
            return false;
        }

        Halt(contract);
        book.Save(contract);
        return true;
    }

    /// <summary>Takes the GPUs for a contract that waits for them, if they are free.</summary>
    public bool TryTakeGpus(Contract contract)
    {
        long? bid = contract.IsBid ? contract.MicroUsdPerHour : null;
        if (contract.OutbidUntil > time.GetUtcNow() || bid < market.MinBidOf(contract) || market.FindBlockers(contract.Offer, bid).Count > 0)
        {
            return false;
        }

        foreach (var outbid in market.FindOutbid(contract.Offer))
        {
            Interrupt(outbid);
            book.Save(outbid);
        }

        contract.HoldsGpus = true;
        (contract.IntendedStatus, contract.CurState, contract.NextState, contract.Outbid) = ("running", "running", "running", false);
        WantBoot(contract, "loading");
        return true;
    }

    /// <summary>Stops a contract as its customer would.</summary>
    public static void Halt(Contract contract)
    {
        (contract.IntendedStatus, contract.NextState, contract.Outbid, contract.HoldsGpus) = ("stopped", "stopped", false, false);
        contract.CurState = "stopped";
    }

    /// <summary>Bids anew. A bid that loses gives up its GPUs at once; one that wins takes them in the next round.</summary>
    /// <param name="id">The contract.</param>
    /// <param name="usdPerHour">Dollars per hour for the whole slice, or null for what wins now.</param>
    public VastProblem? ChangeBid(long id, double? usdPerHour) => Change(id, contract =>
    {
        var usdMax = BidUsdMaxPerGpu * contract.Offer.GpuCount;
        if (!contract.IsBid)
        {
            return VastProblem.InvalidArguments($"Instance {id} is on demand; only the price of a bid can be changed.");
        }

        if (usdPerHour is { } price && !(price >= BidUsdMin && price <= usdMax))
        {
            return VastProblem.InvalidArguments(string.Create(CultureInfo.InvariantCulture, $"price must be between {BidUsdMin} and {usdMax} dollars per hour"));
        }

        contract.MicroUsdPerHour = usdPerHour is { } usd ? (long)Math.Round(usd * 1_000_000) : market.WinningBidOf(contract);
        GiveWayIfOutbid(contract);
        return null;
    });

    /// <summary>Interrupts a contract whose bid has fallen below what others on the market pay.</summary>
    /// <returns>Whether it was interrupted.</returns>
    public bool GiveWayIfOutbid(Contract contract)
    {
        if (contract is not { IsBid: true, HoldsGpus: true, HostDead: false } || contract.MicroUsdPerHour >= market.MinBidOf(contract))
        {
            return false;
        }

        Interrupt(contract);
        return true;
    }

    private static VastProblem Queued { get; } =
        new(StatusCodes.Status200OK, "resources_unavailable", "Required resources are currently unavailable, state change queued.");

    private RentResult Sign(Offer offer, RentRequest request, RentTwist twist, long? bid, bool loses)
    {
        var now = time.GetUtcNow();
        var id = book.Ledger.NextContractId++;
        var (address, port) = addresses.TakeWithPort(id);
        var contract = new Contract
        {
            Id = id,
            Offer = offer,
            CreatedAt = now,
            EndsAt = offer.Host.EndsAt(now),
            Image = request.Image,
            Label = request.Label,
            DiskGb = request.DiskGb,
            IsBid = bid is not null,
            Runtype = request.Runtype,
            OnStart = request.OnStart,
            Env = request.Env,
            ApiKey = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)),
            JupyterToken = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)),
            Address = address.ToString(),
            SshPort = port,
            StatusSince = now,
            Keys = [.. book.Ledger.Keys],
            Volumes = [.. request.Volumes.Select(volumes.Take)],
            MicroUsdPerHour = bid ?? (long)Math.Round(offer.MicroUsdPerHour * twist.PriceFactor),
            DiskMicroUsdPerHour = (long)Math.Round(offer.Host.StorageUsdPerGbMonth * request.DiskGb / 720 * 1_000_000),
        };
        var stays = loses || twist.LeavesStoppedContract || request.StartsStopped;
        contract.ExtraBootDelay = twist.ExtraBootDelay;
        if (stays || !TryTakeGpus(contract))
        {
            Halt(contract);
            contract.Outbid = loses;
            contract.ActualStatus = "exited";
        }

        book.Add(contract);
        if (twist.LeavesStoppedContract || loses)
        {
            var problem = loses
                ? new VastProblem(400, "invalid_price", "Your bid is too low; the instance was created in state stopped.")
                : new VastProblem(400, "invalid_request", "The instance could not be started.");
            return new RentResult.Refused(loses || twist.NamesContract
                ? problem with { Extra = new Dictionary<string, long> { ["new_contract"] = contract.Id } }
                : problem);
        }

        return new RentResult.Rented(contract);
    }

    private static void Interrupt(Contract contract)
    {
        Halt(contract);
        contract.Outbid = true;
    }

    private void WantBoot(Contract contract, string comingUpStatus)
    {
        contract.Boot++;
        contract.BootWantedAt = time.GetUtcNow();
        contract.ComingUpStatus = comingUpStatus;
        if (contract.Boot > 1)
        {
            (contract.ActualStatus, contract.ExtraBootDelay) = (comingUpStatus, TimeSpan.Zero);
        }
    }

    private VastProblem? Change(long id, Func<Contract, VastProblem?> change)
    {
        lock (book.Gate)
        {
            if (book.Find(id) is not { } contract)
            {
                return VastProblem.NoSuchInstance(id);
            }

            var problem = change(contract);
            book.Save(contract);
            return problem;
        }
    }
}
